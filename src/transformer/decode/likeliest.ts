import { cast, reshape, sub, topK, type Value } from "../../graph/index.js";
import { certaintyOf, softmaxParts } from "./sampling-head.js";

/** One of the likeliest tokens at a position, with log π of it at temperature 1, in nats. */
export interface LikelyToken {
  readonly token: number;
  readonly logProb: number;
}

/** The likeliest tokens of each row. */
export interface Likeliest {
  /** int32 [n, count], the likeliest first; on ties the lowest id. */
  readonly tokens: Value;
  /** log softmax(logits) of these, [n, count], in nats. */
  readonly logProbs: Value;
  /** KL(uniform ‖ softmax(logits)), [n], in nats. */
  readonly certainty: Value;
}

/**
 * The `count` likeliest tokens of each row.
 * @param logits [n, V], n ≥ 1. @param count at most V.
 */
export function likeliestTokens(logits: Value, count: number): Likeliest {
  const { logTotal } = softmaxParts(logits);
  const { values, indices } = topK(logits, count);
  return {
    tokens: cast(indices, "int32"),
    logProbs: sub(values, logTotal),
    certainty: reshape(certaintyOf(logits, logTotal), [-1]),
  };
}
