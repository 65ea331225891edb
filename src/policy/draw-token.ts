import type { SamplingOptions } from "./policy.js";
import { narrows } from "./sampling-limits.js";

type Limits = Pick<SamplingOptions, "topP" | "minP">;

/** Tempered log-probabilities, those of tokens that may not be drawn −∞. */
function narrowed(weights: Float64Array, { topP = 1, minP = 0 }: Limits): Float64Array {
  const top = weights.reduce((a, b) => Math.max(a, b), -Infinity);
  const masses = weights.map((value) => Math.exp(value - top));
  const wanted = topP * masses.reduce((sum, mass) => sum + mass, 0);
  let sum = 0;
  // The least mass of the nucleus; ties with it belong to it.
  const least = [...masses].sort((a, b) => b - a).find((mass) => (sum += mass) >= wanted) ?? 0;
  return weights.map((value, at) =>
    masses[at]! >= (topP < 1 ? least : 0) && masses[at]! >= minP ? value : -Infinity,
  );
}

/** A token, and log of the probability that it was drawn under, in nats. */
export interface Picked {
  readonly token: number;
  readonly drawnLogProb: number;
}

/** The token of a uniform by inverse CDF at a temperature: the first whose cumulative probability exceeds it. */
export function drawToken(
  logProbs: Float64Array,
  uniform: number,
  temperature: number,
  limits: Limits,
): Picked {
  const tempered = logProbs.map((value) => value / temperature);
  const weights = narrows(limits) ? narrowed(tempered, limits) : tempered;
  const top = weights.reduce((a, b) => Math.max(a, b), -Infinity);
  const total = weights.reduce((sum, value) => sum + Math.exp(value - top), 0);
  let cumulative = 0;
  let last = 0;
  const picked = (token: number): Picked => ({
    token,
    drawnLogProb: weights[token]! - top - Math.log(total),
  });
  for (let token = 0; token < weights.length; token++) {
    const mass = Math.exp(weights[token]! - top) / total;
    if (mass > 0) last = token;
    cumulative += mass;
    if (cumulative > uniform && mass > 0) return picked(token);
  }
  return picked(last);
}
