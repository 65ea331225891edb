import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { sha256File } from "../core/files.js";
import { checkWeights, openWeights } from "./weights.js";
import { loadConfig, tensorShapes, type ModelConfig } from "./config.js";
import type { FloatTensor } from "./safetensors.js";
import type { Weights } from "./sequence-pass.js";
import { loadTokenizer, type Tokenizer } from "./tokenizer.js";

/** A model as it was read from a folder: plain data, nothing compiled yet. */
export interface Model {
  /** The folder's name. */
  readonly name: string;
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
 * Loads a folder of Hugging Face layout: config.json, model.safetensors (or shards), tokenizer.json, and
 * generation_config.json where there is one.
 * @throws ModelError when a file is missing, malformed or of an unsupported kind.
 */
export async function loadModel(folder: string): Promise<Model> {
  const config = await loadConfig(folder);
  const source = await openWeights(folder);
  try {
    const shapes = tensorShapes(config);
    checkWeights(source, shapes, folder);
    const tokenizer = await loadTokenizer(folder);
    const weights = new Map<string, FloatTensor>();
    for (const name of shapes.keys()) weights.set(name, await source.read(name));
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

/** SHA-256 of a configuration and weights; the same for the same numbers, whatever file they came from. */
export function digestOf(config: ModelConfig, weights: Weights): string {
  const hash = createHash("sha256").update(JSON.stringify(Object.entries(config).sort()));
  for (const name of [...weights.keys()].sort()) {
    const { data } = weights.get(name)!;
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}
