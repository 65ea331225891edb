import { createHash } from "node:crypto";
import { basename } from "node:path";
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
  /** SHA-256 (hex) of the configuration and of every weight, by name. */
  readonly digest: string;
}

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
    return { name: basename(folder), folder, config, weights, tokenizer, digest: digestOf(config, weights) };
  } finally {
    await source.close();
  }
}

/** SHA-256 of a configuration and weights; the same for the same numbers, whatever file they came from. */
export function digestOf(config: ModelConfig, weights: Weights): string {
  const hash = createHash("sha256").update(JSON.stringify(config));
  for (const name of [...weights.keys()].sort()) {
    const { data } = weights.get(name)!;
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}
