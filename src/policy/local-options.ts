import { memoryLeft } from "../core/free-memory.js";
import type { LoadOptions } from "../transformer/model.js";
import type { RuntimeOptions } from "../transformer/runtime-options.js";
import type { Policy, Unrounded } from "./policy.js";

/** What a model on this machine is called and how it draws, beside how it is computed. */
export interface LocalPolicyOptions extends RuntimeOptions {
  /** What the model is called. Default: its folder's or file's name. */
  readonly name?: string;
  /** Rows decoded at once. Default: by the model's size, from 48 to 512. */
  readonly rows?: number;
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
