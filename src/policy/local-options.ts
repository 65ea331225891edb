import { memoryLeft } from "../core/free-memory.js";
import type { EngineOptions } from "../graph/index.js";
import type { KvCacheType } from "../transformer/decode/cache-inputs.js";
import type { LoadOptions } from "../transformer/model.js";
import type { Policy, Unrounded } from "./policy.js";

export interface LocalPolicyOptions extends EngineOptions {
  /** What the model is called. Default: its folder's or file's name. */
  readonly name?: string;
  /** Rows decoded at once. Default: by the model's size, from 48 to 512. */
  readonly rows?: number;
  /** The longest sequence, as `RuntimeOptions` says. */
  readonly maxLength?: number;
  /** Bytes of memory that the process may take, as `RuntimeOptions` says. */
  readonly memory?: number | undefined;
  /** Whether adapters are trained with activation checkpointing, as `TrainerOptions` of the engine says. Default: where memory asks for it. */
  readonly checkpointing?: boolean | undefined;
  /** Bytes for keys and values of prompts that are kept for later ones, as `RuntimeOptions` says. Default 0. */
  readonly prefixBytes?: number;
  /** How keys and values are held while responses are drawn, as `RuntimeOptions` says. Default: float32. */
  readonly kvCache?: KvCacheType | undefined;
  /** Whether a response that is alone is drawn in one row, as `RuntimeOptions` says. Default: false. */
  readonly loneRow?: boolean | undefined;
  /** Told how a model in eight bits is computed, as `RuntimeOptions` says. */
  readonly notice?: ((sentence: string) => void) | undefined;
  /** The same model unrounded, which this policy then owns. */
  readonly unrounded?: (Unrounded & Pick<Policy, "dispose">) | undefined;
}

/** How the unrounded model is loaded beside a rounded one: in what memory that has left, and with no prompts kept. */
export function unroundedOptions({
  memory,
  prefixBytes: _,
  loneRow: ____,
  quantize: __,
  exactChoice: ___,
  kvCache: _____,
  ...options
}: LocalPolicyOptions & LoadOptions): LocalPolicyOptions & LoadOptions {
  return { ...options, ...(memory !== undefined && { memory: memoryLeft(memory) }) };
}
