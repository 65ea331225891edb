import type { ModelConfig } from "../families/config.js";
import type { KvCacheType } from "./cache-inputs.js";

/** Places of a cache that is moved into a larger one are given back only when the garbage is collected. */
const MOVING = 1.5;
/** Arrays as large as the logits, and as the scores, that a step has at once. */
const LOGITS = 6;
const SCORES = 4;
/** The fewest rows of a batch. */
const FEWEST = 4;

export interface Lengths {
  /** Tokens of a prompt, and the rows that share its keys and values. */
  readonly prompt: number;
  readonly sharing: number;
  /** The most tokens of a response. */
  readonly response: number;
  /** How keys and values are held. Default: float32. */
  readonly kvCache?: KvCacheType | undefined;
}

/** The bytes that a row takes at the end of the longest response: its keys and values, its part of its prompt's, and a step's arrays. */
function bytesOfRow(config: ModelConfig, { prompt, sharing, response, kvCache }: Lengths): number {
  const { layers, kvHeads, headDim, heads, vocabSize, hiddenSize, intermediateSize } = config;
  const perToken = 2 * layers * kvHeads * headDim * (kvCache === "float16" ? 2 : 4);
  const cache = MOVING * perToken * (response + prompt / sharing);
  const step =
    LOGITS * vocabSize + SCORES * heads * (prompt + response) + 8 * hiddenSize + 4 * intermediateSize;
  return cache + 4 * step;
}

/**
 * How many rows can be decoded at once, at most `rows`, so that no response outgrows the memory that there is; at least the few that
 * every batch has. What is drawn does not depend on it.
 * @param bytes that caches and steps may take.
 */
export function rowsThatFit(config: ModelConfig, rows: number, lengths: Lengths, bytes: number): number {
  return Math.min(rows, Math.max(FEWEST, Math.floor(bytes / bytesOfRow(config, lengths))));
}
