import type { Response } from "../policy/policy.js";
import type { SelfReward } from "./self-reward.js";

/**
 * The score of a response about which the model says nothing (no token at all, or a probability of zero): far below
 * every real one (100,000 tokens at −1,000 nats each come to −1e8), yet finite, so that it can be stored as JSON and
 * squared. Without it an empty response would be the likeliest of all: the empty sum is 0, and no log-likelihood is higher.
 */
export const LOWEST_SCORE = -1e9;

/**
 * A reward's `score` from a score of each response by itself; what `of` throws rejects the promise.
 * Nothing scores below `LOWEST_SCORE`.
 */
export function pointwise(of: (response: Response) => number): SelfReward["score"] {
  return (pool) =>
    new Promise((resolve) => {
      resolve(pool.responses.map((response) => Math.max(of(response), LOWEST_SCORE)));
    });
}

/** The mean; `empty` for no values. */
export function meanOr(values: readonly number[], empty: number): number {
  let sum = 0;
  for (const value of values) sum += value;
  return values.length === 0 ? empty : sum / values.length;
}
