import { add, exp, lessOrEqual, log, mul, reduceSum, where, type Value } from "../../graph/index.js";

/** Which tokens may be drawn at all, of softmax(logits / temperature); the likeliest always may. */
export interface Narrowing {
  /** In (0, 1): the fewest of the likeliest tokens that have this probability together, those that tie with the last of them included. */
  readonly topP?: number;
  /** In (0, 1): tokens at least this share as likely as the likeliest. With `topP`, those that both allow. */
  readonly minP?: number;
}

/** Halvings of a range of at most some twenty nats: what is left is less than two float32 logits are apart. */
const HALVINGS = 26;

/**
 * The weights of a row with those of tokens that may not be drawn set to 0.
 * @param weights exp((logits − their maximum) / temperature), [n, V]: the largest of each row is 1.
 */
export function narrowed(weights: Value, { topP, minP }: Narrowing): Value {
  let kept = weights;
  if (topP !== undefined && topP < 1) kept = atLeast(weights, kept, exp(nucleus(weights, topP)));
  if (minP !== undefined && minP > 0) kept = atLeast(weights, kept, minP);
  return kept;
}

function atLeast(weights: Value, kept: Value, least: Value | number): Value {
  return where(lessOrEqual(least, weights), kept, 0);
}

/**
 * log of the least weight in the nucleus, [n, 1], by halving: the graph has no sort. Tokens less likely than (1 − p) / V have less than
 * 1 − p together, which is where the search begins.
 */
function nucleus(weights: Value, p: number): Value {
  const size = weights.shape[1] as number;
  const total = reduceSum(weights, [-1], { keepDims: true });
  const wanted = mul(total, p);
  let low = add(log(total), Math.log((1 - p) / size));
  // No weight is above 1, so nothing is left at the upper end.
  let high: Value | number = 1e-3;
  for (let step = 0; step < HALVINGS; step++) {
    const middle: Value = mul(add(low, high), 0.5);
    const mass = reduceSum(atLeast(weights, weights, exp(middle)), [-1], { keepDims: true });
    const enough = lessOrEqual(wanted, mass);
    [low, high] = [where(enough, middle, low), where(enough, high, middle)];
  }
  return low;
}
