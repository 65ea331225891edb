import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ModelError } from "../../core/errors.js";
import { writeAtomically, writeError } from "../../core/files.js";

import { readJsonFile } from "../../core/json-file.js";
import { lastPart, WHOLE_WEIGHTS } from "../families/modules.js";
import { parseAdapterConfig, toAdapterConfig, type AdapterConfig } from "./peft-config.js";
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
  /**
   * Weights that take the place of the base's, whole, by their Hugging Face names (`WHOLE_WEIGHTS`): what PEFT calls
   * modules_to_save. A head among them unties one that is tied to the embeddings. Absent: none.
   */
  readonly replaced?: ReadonlyMap<string, FloatTensor>;
  /** Which of these are trained as a multiple of the base's, by one number. No part of the file. Absent: none. */
  readonly scaled?: readonly string[];
  /** Targets and replaced weights that training leaves as they are. No part of the file. Absent: none. */
  readonly frozen?: readonly string[];
  /** Set where every weight is replaced: a model of its own, which is written as one (`writeMerged`) and not as an adapter. */
  readonly whole?: true;
}

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
const MAX_CONFIG_BYTES = 10 << 20;
const KEY_PREFIX = "base_model.model.";

/**
 * Writes an adapter as PEFT does (adapter_config.json and adapter_model.safetensors), creating the folder if need be.
 * @param baseModel the base's name or path, for the adapter's users; PEFT finds the base by it.
 * @throws ModelError for an adapter whose matrices do not fit its rank, or whose modules PEFT would not find; or that is a whole model.
 * @throws RunError when the folder cannot be written.
 */
export async function saveAdapter(
  folder: string,
  adapter: LoraAdapter,
  baseModel: string | null = null,
): Promise<void> {
  const { rank, alpha, targetModules, weights, replaced = new Map<string, FloatTensor>() } = adapter;
  if (adapter.whole)
    throw new ModelError(
      `cannot save the adapter ${folder}: it is every weight of a model; write that as a model`,
    );
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
  for (const [name, tensor] of replaced) tensors.set(`${KEY_PREFIX}${name}`, tensor);
  const modulesToSave = [...replaced.keys()].map((name) => name.replace(/\.weight$/, ""));
  const config = toAdapterConfig({ rank, alpha, targetModules, modulesToSave, baseModel });
  try {
    await mkdir(folder, { recursive: true });
  } catch (cause) {
    throw writeError(folder, cause);
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
    const names = namesIn(file);
    for (const module of names.adapted) weights.set(module, await readPair(file, module, config.rank));
    const replaced = new Map<string, FloatTensor>();
    checkWhole(config, names.replaced, configFile);
    for (const name of names.replaced) replaced.set(name, await file.read(`${KEY_PREFIX}${name}`));
    const found = new Set([...weights.keys()].map(lastPart));
    // A list may name whole paths, or modules that the base does not have: then the matrices say it.
    const listed = config.targetModules?.every((target) => found.has(target)) === true;
    const targetModules = (listed && config.targetModules) || [...found].sort();
    const plain = { rank: config.rank, alpha: config.alpha, targetModules, weights };
    return replaced.size > 0 ? { ...plain, replaced } : plain;
  } finally {
    await file.close();
  }
}

/** The modules that a file adapts, and the weights that it replaces; every other tensor is refused by name. */
function namesIn(file: SafetensorsFile): {
  readonly adapted: ReadonlySet<string>;
  readonly replaced: readonly string[];
} {
  const adapted = new Set<string>();
  const replaced: string[] = [];
  const whole = Object.values(WHOLE_WEIGHTS);
  for (const key of file.tensors.keys()) {
    const module = /^base_model\.model\.(.+)\.lora_[AB]\.weight$/.exec(key)?.[1];
    const weight = whole.find((name) => key === `${KEY_PREFIX}${name}`);
    if (module !== undefined) adapted.add(module);
    else if (weight !== undefined) replaced.push(weight);
    else {
      throw new ModelError(
        `${file.path}: the tensor ${key} is not supported; supported are lora_A and lora_B of linears, and ${whole.join(", ")}`,
      );
    }
  }
  if (adapted.size + replaced.length === 0) throw new ModelError(`${file.path} holds no LoRA matrices`);
  return { adapted, replaced };
}

/** @throws ModelError where a module that the config lists as saved whole has no weight in the file. */
function checkWhole({ modulesToSave }: AdapterConfig, replaced: readonly string[], configFile: string): void {
  const without = modulesToSave.find(
    (module) => !replaced.some((name) => `.${name}`.endsWith(`.${module}.weight`)),
  );
  if (without === undefined) return;
  throw new ModelError(
    `${configFile}: modules_to_save names ${without}, which the adapter's weights do not hold; supported are ` +
      `${Object.keys(WHOLE_WEIGHTS).join(" and ")}`,
  );
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
