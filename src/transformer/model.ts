import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { sha256File } from "../core/files.js";
import { loadConfig, parseConfig, tensorShapes, type ModelConfig } from "./families/config.js";
import { architectureOf, huggingFaceConfig } from "./format/gguf/config.js";
import { isGguf, readGgufHeader } from "./format/gguf/header.js";
import { openGgufWeights } from "./format/gguf/weights.js";
import { readWeights, type Quantization, type QuantizedWeights } from "./decoder/quantize.js";
import { checkWeights, openWeights } from "./format/weights.js";
import type { Weights } from "./decoder/sequence-pass.js";
import { ggufTokenizer, loadTokenizer, type Tokenizer } from "./text/tokenizer.js";

/** A model as it was read: plain data, nothing compiled yet. */
export interface Model {
  /** The folder's name, or the file's without its ending. */
  readonly name: string;
  /** The folder, or the .gguf file, that it was read from. */
  readonly folder: string;
  readonly config: ModelConfig;
  /** In float32; of a quantized model without those that it holds quantized alone. */
  readonly weights: Weights;
  readonly quantized?: QuantizedWeights;
  /** How `quantized` was made. */
  readonly quantization?: Quantization;
  readonly tokenizer: Tokenizer;
  /** SHA-256 (hex) of everything that fixes its probabilities: configuration, every weight by name, tokenizer. */
  readonly digest: string;
}

/** What turns text to token ids; a chat template acts on the text before, and is the task's business. */
const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json"];

export interface LoadOptions {
  /** Default: all weights in float32. */
  readonly quantize?: Quantization | undefined;
}

/**
 * Loads a folder of Hugging Face layout (config.json, model.safetensors or shards, tokenizer.json, and
 * generation_config.json where there is one), or a .gguf file.
 * @throws ModelError when a file is missing, malformed or of an unsupported kind.
 */
export function loadModel(path: string, { quantize }: LoadOptions = {}): Promise<Model> {
  return isGguf(path) ? loadGguf(path, quantize) : loadFolder(path, quantize);
}

async function loadFolder(folder: string, quantize: Quantization | undefined): Promise<Model> {
  const config = await loadConfig(folder);
  const source = await openWeights(folder);
  try {
    const shapes = tensorShapes(config);
    checkWeights(source, shapes, folder);
    const tokenizer = await loadTokenizer(folder);
    const read = await readWeights(source, config, shapes.keys(), quantize, folder);
    const hash = createHash("sha256").update(digestOf(config, read.weights, read.quantized));
    for (const file of TOKENIZER_FILES) {
      const path = join(folder, file);
      if (existsSync(path)) hash.update(file).update(await sha256File(path));
    }
    const digest = hash.digest("hex");
    return { name: basename(folder), folder, config, ...read, ...madeBy(quantize), tokenizer, digest };
  } finally {
    await source.close();
  }
}

async function loadGguf(path: string, quantize: Quantization | undefined): Promise<Model> {
  const header = await readGgufHeader(path);
  const config = parseConfig(await huggingFaceConfig(header), path);
  const source = await openGgufWeights(header, architectureOf(header), config);
  try {
    const shapes = tensorShapes(config);
    checkWeights(source, shapes, path);
    const tokenizer = ggufTokenizer(header);
    // One file is everything; hashing it while the weights are read costs no time of its own.
    const reading = readWeights(source, config, shapes.keys(), quantize, path);
    const [read, file] = await Promise.all([reading, sha256File(path)]);
    const digest = createHash("sha256")
      .update(JSON.stringify(Object.entries(config).sort()))
      .update(file)
      .update(quantize ?? "")
      .digest("hex");
    const name = basename(path).replace(/\.gguf$/i, "");
    return { name, folder: path, config, ...read, ...madeBy(quantize), tokenizer, digest };
  } finally {
    await source.close();
  }
}

function madeBy(quantization: Quantization | undefined): Pick<Model, "quantization"> {
  return quantization === undefined ? {} : { quantization };
}

/** SHA-256 of a configuration and weights; the same for the same numbers, whatever file they came from. */
export function digestOf(
  config: ModelConfig,
  weights: Weights,
  quantized: QuantizedWeights = new Map(),
): string {
  const hash = createHash("sha256").update(JSON.stringify(Object.entries(config).sort()));
  const add = (name: string, data: Float32Array | Uint8Array): void => {
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  };
  for (const name of [...weights.keys()].sort()) add(name, weights.get(name)!.data);
  for (const name of [...quantized.keys()].sort()) {
    const { bits, packed, scales, zeroPoints, offsets } = quantized.get(name)!;
    add(`${name}, ${bits} bits`, packed);
    for (const part of [scales, zeroPoints, offsets]) if (part) add("", part);
  }
  return hash.digest("hex");
}
