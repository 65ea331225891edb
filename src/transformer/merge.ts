import { copyFile, mkdir } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { ModelError } from "../core/errors.js";
import { writeAtomically, writeError } from "../core/files.js";
import { tensorShapes, toHuggingFaceConfig, type ModelConfig } from "./families/config.js";
import { isGguf, readGgufHeader } from "./format/gguf/header.js";
import { tokenizerFiles } from "./text/gguf-tokenizer.js";
import type { Model } from "./model.js";
import { checkReplaced } from "./decoder/adapter-feeds.js";
import type { Weights } from "./decoder/sequence-pass.js";
import type { LoraAdapter, LoraPair } from "./format/peft.js";
import { writeSafetensors, type FloatTensor } from "./format/safetensors.js";

/** Of one file of weights; a model beyond it is written in several. */
const MAX_SHARD_BYTES = 1 << 30;
const TOKENIZER_FILES = [
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
];

/**
 * Writes a model with an adapter's change added to its weights, W + (α / r) · B A, as a folder of Hugging Face layout in
 * float32 that needs no adapter any more. The tokenizer goes along; that of a GGUF file is written as it was rebuilt.
 * @param maxShardBytes the most that one file of weights holds.
 * @throws ModelError when the adapter is of another model; RunError when the folder cannot be written.
 */
export async function writeMerged(
  folder: string,
  model: Model,
  adapter: LoraAdapter,
  maxShardBytes = MAX_SHARD_BYTES,
): Promise<void> {
  checkFits(adapter, model.config, model.name);
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw writeError(folder, cause);
  }
  const weights = mergedOnto(model, adapter);
  const shards = shardsOf(weights, maxShardBytes);
  const weightMap: Record<string, string> = {};
  for (const [i, names] of shards.entries()) {
    const number = (value: number): string => String(value).padStart(5, "0");
    const file =
      shards.length === 1
        ? "model.safetensors"
        : `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`;
    const tensors = new Map<string, FloatTensor>();
    for (const name of names) {
      tensors.set(name, merged(weights.get(name)!, name, adapter));
      weightMap[name] = file;
    }
    await writeSafetensors(join(folder, file), tensors);
  }
  if (shards.length > 1) {
    const total = [...weights.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
    await writeJson(join(folder, "model.safetensors.index.json"), {
      metadata: { total_size: total },
      weight_map: weightMap,
    });
  }
  await writeTokenizer(folder, model);
  const untied = adapter.replaced?.has("lm_head.weight") === true;
  const config = toHuggingFaceConfig(untied ? { ...model.config, tieWordEmbeddings: false } : model.config);
  await writeJson(join(folder, "generation_config.json"), {
    bos_token_id: config["bos_token_id"],
    eos_token_id: config["eos_token_id"],
    pad_token_id: config["pad_token_id"],
  });
  // Last: a folder with a config.json is whole.
  await writeJson(join(folder, "config.json"), config);
}

/** @throws ModelError naming the first linear of the adapter that the model does not have in that size. */
export function checkFits(adapter: LoraAdapter, config: ModelConfig, model: string): void {
  checkReplaced(config, adapter);
  const shapes = tensorShapes(config);
  for (const [module, { inFeatures, outFeatures }] of adapter.weights) {
    const shape = shapes.get(`${module}.weight`);
    if (shape?.[0] !== outFeatures || shape[1] !== inFeatures) {
      const has = shape === undefined ? "has no such linear" : `has it with [${shape.join(", ")}]`;
      throw new ModelError(
        `the adapter changes ${module} with [${outFeatures}, ${inFeatures}], but the model ${model} ${has}: it is an ` +
          `adapter of another model`,
      );
    }
  }
}

/** Every weight of a model with an adapter's change added, by its name; what the adapter leaves alone is the model's own. */
export function mergedWeights(model: Pick<Model, "weights">, adapter: LoraAdapter): Weights {
  const weights = mergedOnto(model, adapter);
  return new Map([...weights].map(([name, tensor]) => [name, merged(tensor, name, adapter)]));
}

/** The weights that adapters are added to: those that the adapter replaces whole stand in the place of the model's. */
function mergedOnto({ weights }: Pick<Model, "weights">, { replaced = new Map() }: LoraAdapter): Weights {
  return new Map([...weights, ...replaced]);
}

function shardsOf(weights: Weights, maxBytes: number): string[][] {
  const shards: string[][] = [[]];
  let bytes = 0;
  for (const [name, { data }] of weights) {
    if (bytes > 0 && bytes + data.byteLength > maxBytes) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)!.push(name);
    bytes += data.byteLength;
  }
  return shards;
}

function merged(tensor: FloatTensor, name: string, { weights, rank, alpha }: LoraAdapter): FloatTensor {
  const pair = weights.get(name.replace(/\.weight$/, ""));
  return pair === undefined
    ? tensor
    : { shape: tensor.shape, data: added(tensor.data, pair, rank, alpha / rank) };
}

/** W + scaling · B A, summed in double precision and rounded once. */
function added(
  weights: Float32Array,
  { a, b, inFeatures, outFeatures }: LoraPair,
  rank: number,
  scaling: number,
): Float32Array {
  const sum = new Float32Array(weights.length);
  const row = new Float64Array(inFeatures);
  for (let out = 0; out < outFeatures; out++) {
    row.fill(0);
    for (let r = 0; r < rank; r++) {
      const factor = b[out * rank + r]! * scaling;
      for (let i = 0; i < inFeatures; i++) row[i] = row[i]! + factor * a[r * inFeatures + i]!;
    }
    const at = out * inFeatures;
    for (let i = 0; i < inFeatures; i++) sum[at + i] = weights[at + i]! + row[i]!;
  }
  return sum;
}

async function writeTokenizer(folder: string, model: Model): Promise<void> {
  if (!isGguf(model.folder)) {
    for (const name of TOKENIZER_FILES) {
      const from = join(model.folder, name);
      if (existsSync(from)) await copyFile(from, join(folder, name));
    }
    return;
  }
  const { json, bosToken, eosToken, chatTemplate } = tokenizerFiles(await readGgufHeader(model.folder));
  await writeJson(join(folder, "tokenizer.json"), json);
  await writeJson(join(folder, "tokenizer_config.json"), {
    tokenizer_class: "PreTrainedTokenizerFast",
    clean_up_tokenization_spaces: false,
    model_max_length: model.config.maxPositions,
    ...(bosToken === "" ? {} : { bos_token: bosToken }),
    ...(eosToken === "" ? {} : { eos_token: eosToken }),
    ...(chatTemplate === undefined ? {} : { chat_template: chatTemplate }),
  });
}

async function writeJson(path: string, value: object): Promise<void> {
  await writeAtomically(path, `${JSON.stringify(value, null, 2)}\n`);
}
