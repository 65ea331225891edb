import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { sha256File } from "../core/files.js";
import { loadConfig, parseConfig, tensorShapes, type ModelConfig } from "./config.js";
import { architectureOf, huggingFaceConfig } from "./gguf/config.js";
import { isGguf, readGgufHeader } from "./gguf/header.js";
import { openGgufWeights } from "./gguf/weights.js";
import { checkWeights, openWeights, type WeightSource } from "./weights.js";
import type { FloatTensor } from "./safetensors.js";
import type { Weights } from "./sequence-pass.js";
import { ggufTokenizer, loadTokenizer, type Tokenizer } from "./tokenizer.js";

/** A model as it was read: plain data, nothing compiled yet. */
export interface Model {
  /** The folder's name, or the file's without its ending. */
  readonly name: string;
  /** The folder, or the .gguf file, that it was read from. */
  readonly folder: string;
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly tokenizer: Tokenizer;
  /** SHA-256 (hex) of everything that fixes its probabilities: configuration, every weight by name, tokenizer. */
  readonly digest: string;
}

/** What turns text to token ids; a chat template acts on the text before, and is the task's business. */
const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"];

/**
 * Loads a folder of Hugging Face layout (config.json, model.safetensors or shards, tokenizer.json, and
 * generation_config.json where there is one), or a .gguf file.
 * @throws ModelError when a file is missing, malformed or of an unsupported kind.
 */
export function loadModel(path: string): Promise<Model> {
  return isGguf(path) ? loadGguf(path) : loadFolder(path);
}

async function loadFolder(folder: string): Promise<Model> {
  const config = await loadConfig(folder);
  const source = await openWeights(folder);
  try {
    const shapes = tensorShapes(config);
    checkWeights(source, shapes, folder);
    const tokenizer = await loadTokenizer(folder);
    const weights = await readAll(source, shapes.keys());
    const hash = createHash("sha256").update(digestOf(config, weights));
    for (const file of TOKENIZER_FILES) {
      const path = join(folder, file);
      if (existsSync(path)) hash.update(file).update(await sha256File(path));
    }
    return { name: basename(folder), folder, config, weights, tokenizer, digest: hash.digest("hex") };
  } finally {
    await source.close();
  }
}

async function loadGguf(path: string): Promise<Model> {
  const header = await readGgufHeader(path);
  const config = parseConfig(await huggingFaceConfig(header), path);
  const source = await openGgufWeights(header, architectureOf(header), config);
  try {
    const shapes = tensorShapes(config);
    checkWeights(source, shapes, path);
    const tokenizer = ggufTokenizer(header);
    // One file is everything; hashing it while the weights are read costs no time of its own.
    const [weights, file] = await Promise.all([readAll(source, shapes.keys()), sha256File(path)]);
    const digest = createHash("sha256")
      .update(JSON.stringify(Object.entries(config).sort()))
      .update(file)
      .digest("hex");
    return { name: basename(path).replace(/\.gguf$/i, ""), folder: path, config, weights, tokenizer, digest };
  } finally {
    await source.close();
  }
}

async function readAll(source: WeightSource, names: Iterable<string>): Promise<Weights> {
  const weights = new Map<string, FloatTensor>();
  for (const name of names) weights.set(name, await source.read(name));
  return weights;
}

/** SHA-256 of a configuration and weights; the same for the same numbers, whatever file they came from. */
export function digestOf(config: ModelConfig, weights: Weights): string {
  const hash = createHash("sha256").update(JSON.stringify(Object.entries(config).sort()));
  for (const name of [...weights.keys()].sort()) {
    const { data } = weights.get(name)!;
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}
