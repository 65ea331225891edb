import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ModelError, RunError } from "../../core/errors.js";
import { writeAtomically } from "../../core/files.js";

import { readJsonFile, reasonOf } from "../../core/json-file.js";
import { lastPart } from "../families/modules.js";
import { parseAdapterConfig, toAdapterConfig } from "./peft-config.js";
import { openSafetensors, writeSafetensors, type FloatTensor, type SafetensorsFile } from "./safetensors.js";

/** The two matrices of one adapted linear: its output gains (alpha / rank) · B A x. */
export interface LoraPair {
  /** [rank, inFeatures], row-major. */
  readonly a: Float32Array;
  /** [outFeatures, rank], row-major. */
  readonly b: Float32Array;
  readonly inFeatures: number;
  readonly outFeatures: number;
}

/** A LoRA adapter (Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021). */
export interface LoraAdapter {
  readonly rank: number;
  /** > 0; the scaling of B A is alpha / rank. */
  readonly alpha: number;
  /** The last parts of the adapted modules' names, such as `q_proj`. */
  readonly targetModules: readonly string[];
  /** By the module's name in the base model, such as `model.layers.0.self_attn.q_proj`. */
  readonly weights: ReadonlyMap<string, LoraPair>;
}

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
const MAX_CONFIG_BYTES = 10 << 20;
const KEY_PREFIX = "base_model.model.";

/**
 * Writes an adapter as PEFT does (adapter_config.json and adapter_model.safetensors), creating the folder if need be.
 * @param baseModel the base's name or path, for the adapter's users; PEFT finds the base by it.
 * @throws ModelError for an adapter whose matrices do not fit its rank, or whose modules PEFT would not find.
 * @throws RunError when the folder cannot be written.
 */
export async function saveAdapter(
  folder: string,
  adapter: LoraAdapter,
  baseModel: string | null = null,
): Promise<void> {
  const { rank, alpha, targetModules, weights } = adapter;
  const tensors = new Map<string, FloatTensor>();
  for (const [module, { a, b, inFeatures, outFeatures }] of weights) {
    if (!targetModules.some((target) => module === target || module.endsWith(`.${target}`))) {
      throw new ModelError(
        `cannot save the adapter ${folder}: ${module} is none of ${targetModules.join(", ")}`,
      );
    }
    // The shapes are checked against the data by the writer.
    tensors.set(`${KEY_PREFIX}${module}.lora_A.weight`, { shape: [rank, inFeatures], data: a });
    tensors.set(`${KEY_PREFIX}${module}.lora_B.weight`, { shape: [outFeatures, rank], data: b });
  }
  const config = toAdapterConfig({ rank, alpha, targetModules, baseModel });
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw new RunError(`cannot create the folder ${folder}: ${reasonOf(cause)}`, { cause });
  }
  await writeSafetensors(join(folder, WEIGHTS), tensors);
  await writeAtomically(join(folder, CONFIG), `${JSON.stringify(config, null, 2)}\n`);
}

/**
 * Reads a LoRA adapter that PEFT, or `saveAdapter`, wrote. Rank-stabilized scaling (alpha / √rank) is returned as the
 * alpha that gives the same function.
 * @throws ModelError when a file is missing or malformed, or the adapter uses a feature that is not supported, by name.
 */
export async function loadAdapter(folder: string): Promise<LoraAdapter> {
  const configFile = join(folder, CONFIG);
  const config = parseAdapterConfig(await readJsonFile(configFile, MAX_CONFIG_BYTES), configFile);
  if (!existsSync(join(folder, WEIGHTS)) && existsSync(join(folder, "adapter_model.bin"))) {
    throw new ModelError(
      `${folder} has weights only as adapter_model.bin, a format that is never opened here; convert to safetensors`,
    );
  }
  const file = await openSafetensors(join(folder, WEIGHTS));
  try {
    const weights = new Map<string, LoraPair>();
    for (const module of moduleNames(file)) weights.set(module, await readPair(file, module, config.rank));
    const found = new Set([...weights.keys()].map(lastPart));
    // A list may name whole paths, or modules that the base does not have: then the matrices say it.
    const listed = config.targetModules?.every((target) => found.has(target)) === true;
    const targetModules = (listed && config.targetModules) || [...found].sort();
    return { rank: config.rank, alpha: config.alpha, targetModules, weights };
  } finally {
    await file.close();
  }
}

/** The modules that a file adapts; every tensor in it must be one half of a pair. */
function moduleNames(file: SafetensorsFile): readonly string[] {
  const modules = new Set<string>();
  for (const key of file.tensors.keys()) {
    const module = /^base_model\.model\.(.+)\.lora_[AB]\.weight$/.exec(key)?.[1];
    if (module === undefined) {
      throw new ModelError(
        `${file.path}: the tensor ${key} is not supported; supported are lora_A and lora_B of linears`,
      );
    }
    modules.add(module);
  }
  if (modules.size === 0) throw new ModelError(`${file.path} holds no LoRA matrices`);
  return [...modules];
}

async function readPair(file: SafetensorsFile, module: string, rank: number): Promise<LoraPair> {
  const half = async (side: "A" | "B"): Promise<FloatTensor> => {
    const key = `${KEY_PREFIX}${module}.lora_${side}.weight`;
    const shape = file.tensors.get(key)?.shape;
    if (shape === undefined) throw new ModelError(`${file.path} has no ${key}, the other half of its pair`);
    if (shape.length !== 2 || shape[side === "A" ? 0 : 1] !== rank) {
      const wanted = side === "A" ? `[${rank}, in]` : `[out, ${rank}]`;
      throw new ModelError(
        `${file.path}: ${key} has the shape [${shape.join(", ")}], rank ${rank} needs ${wanted}`,
      );
    }
    return file.read(key);
  };
  const a = await half("A");
  const b = await half("B");
  return { a: a.data, b: b.data, inFeatures: a.shape[1]!, outFeatures: b.shape[0]! };
}
