import type { EngineOptions } from "../graph/index.js";
import type { KvCacheType } from "./decode/cache-inputs.js";

/** How a model is computed, beside what it is. */
export interface RuntimeOptions extends EngineOptions {
  /**
   * The longest sequence, prompt and response, in tokens; at most the model's own limit. Default: that, up to 8192; with
   * LongRoPE the original length, as a longer one changes the frequencies for all sequences.
   */
  readonly maxLength?: number;
  /** Bytes of memory that the process may take; batches have fewer rows where they would need more. Default: what is free, less 1 GB. */
  readonly memory?: number | undefined;
  /** Whether training computes each layer again for its gradients. Default: where memory asks for it. */
  readonly checkpointing?: boolean | undefined;
  /**
   * Bytes that keys and values of prompts may take which are kept for prompts that begin alike. Default 0: none are kept, and each prompt
   * is one pass. A prompt of more than 64 tokens is computed in blocks where they are, and rounds otherwise by that.
   */
  readonly prefixBytes?: number;
  /** Whether a response that is alone is drawn in one row, as `DrawOptions.lone` says. Default: false. */
  readonly loneRow?: boolean | undefined;
  /**
   * How keys and values of earlier tokens are held while responses are drawn. Default: float32. In float16 they take half of the memory, so that
   * more rows fit, and what is drawn is rounded by them; scores and training are not. `docs/log.md` has what that does to log π and to speed.
   */
  readonly kvCache?: KvCacheType | undefined;
  /** Told by which products a model that is held in eight bits is computed, once it is known. */
  readonly notice?: ((sentence: string) => void) | undefined;
}
