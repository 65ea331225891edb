import { bestRankProbabilities } from "./subsets.js";

/**
 * Coverage at n (paper App. A.2), exactly: P(a uniformly random n-subset of `size` responses holds at least one of the
 * `correct` correct ones) = 1 − C(size − correct, n)/C(size, n). A skyline: it takes labels to reach it.
 * Summed as P(the best-ranked member is a correct one), correct ones first, so that small values keep their precision.
 * @param correct 0 to `size`.
 * @throws UsageError unless n is a whole number from 1 to `size`.
 */
export function coverageAt(size: number, correct: number, n: number): number {
  const probabilities = bestRankProbabilities(size, n);
  let sum = 0;
  for (let r = 0; r < correct; r++) sum += probabilities[r]!;
  return Math.min(sum, 1);
}
