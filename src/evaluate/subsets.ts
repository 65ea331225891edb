import { UsageError } from "../core/errors.js";

/**
 * Best-of-n for every n up to the M responses drawn, exactly: the expectation over all subsets of size n, instead of
 * the paper's simulation by subsampling (App. A.1). It has no Monte-Carlo noise, and every response drawn counts.
 */

/**
 * P(the element of rank r, 0 the best, is the best of a uniformly random n-subset of `size`): that it is in the subset
 * and none of the r better ones is, C(size − r − 1, n − 1) / C(size, n). Computed as a product of ratios, so that nothing
 * overflows or cancels. Non-increasing in r; sums to 1.
 * @throws UsageError unless n is a whole number from 1 to `size`.
 */
export function bestRankProbabilities(size: number, n: number): Float64Array {
  if (!Number.isInteger(n) || n < 1 || n > size) {
    throw new UsageError(
      `The best of ${String(n)} cannot be measured with ${String(size)} responses per prompt: ` +
        `ask for a whole number from 1 to ${String(size)}, or draw more.`,
    );
  }
  const result = new Float64Array(size);
  let noneBetter = 1; // C(size − r, n) / C(size, n)
  for (let r = 0; r <= size - n; r++) {
    result[r] = (noneBetter * n) / (size - r);
    noneBetter *= (size - r - n) / (size - r);
  }
  return result;
}

/**
 * P(response i is chosen) when the highest score of a uniformly random n-subset is chosen, in the order of the scores; ties
 * are shared evenly. Sums to 1.
 * @param scores no NaN.
 * @throws UsageError unless n is a whole number from 1 to the number of scores.
 */
export function rankWeights(scores: readonly number[], n: number): Float64Array {
  const probabilities = bestRankProbabilities(scores.length, n);
  const order = Uint32Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]!);
  const weights = new Float64Array(scores.length);
  for (let start = 0; start < order.length;) {
    let end = start;
    let sum = 0;
    while (end < order.length && scores[order[end]!] === scores[order[start]!]) sum += probabilities[end++]!;
    for (let i = start; i < end; i++) weights[order[i]!] = sum / (end - start);
    start = end;
  }
  return weights;
}

/**
 * Σ w_i·v_i: a chosen response's expected value, `weights` being the probabilities of being chosen. What is never chosen does
 * not count, even if its value is infinite.
 */
export function expectedUnderSubsets(values: ArrayLike<number>, weights: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) if (weights[i] !== 0) sum += weights[i]! * values[i]!;
  return sum;
}
