import { UsageError } from "../core/errors.js";

/** The most subsets of a pool that are looked at one by one: every N up to 3 of 50 responses, and from 47 on. */
const MOST_SUBSETS = 20_000;

/** Whether a pool of `size` has few enough subsets of `n` to look at each: for `SelfReward.measurable`. */
export function fewSubsets(size: number, n: number): boolean {
  let count = 1;
  for (let k = 1; k <= Math.min(n, size - n); k++) {
    count = (count * (size - k + 1)) / k;
    if (count > MOST_SUBSETS) return false;
  }
  return true;
}

/** The highest of the scores, ties shared evenly. */
export function shareOfBest(scores: readonly number[]): number[] {
  let best = -Infinity;
  for (const score of scores) best = Math.max(best, score);
  const winners = scores.filter((score) => score === best).length;
  return scores.map((score) => (score === best ? 1 / winners : 0));
}

/** Turns ascending positions below `size` into the next such combination, in place; false when there is none. */
function advance(positions: number[], size: number): boolean {
  const n = positions.length;
  let i = n - 1;
  while (i >= 0 && positions[i] === size - n + i) i--;
  if (i < 0) return false;
  positions[i]!++;
  for (let j = i + 1; j < n; j++) positions[j] = positions[j - 1]! + 1;
  return true;
}

/**
 * P(response i is chosen) over uniformly random n-subsets, by looking at every subset: exact, for selectors whose expectation
 * has no closed form.
 * @param shares P(each is chosen) of the responses at these positions (ascending), in their order; sums to 1.
 * @throws UsageError unless n is a whole number from 1 to `size`, and where the subsets are too many (`fewSubsets`).
 */
export function chosenOverSubsets(
  size: number,
  n: number,
  reward: string,
  shares: (positions: readonly number[]) => readonly number[],
): number[] {
  checkSubset(size, n, reward);
  if (!fewSubsets(size, n)) {
    throw new UsageError(
      `The reward ${reward} cannot be measured at N = ${String(n)} with ${String(size)} responses per prompt: its expectation ` +
        `takes every subset, and there are too many; measure it at N = ${String(size)}.`,
    );
  }
  const sums = new Array<number>(size).fill(0);
  const positions = Array.from({ length: n }, (_, i) => i);
  let count = 0;
  do {
    const chosen = shares(positions);
    for (let i = 0; i < n; i++) sums[positions[i]!]! += chosen[i]!;
    count++;
  } while (advance(positions, size));
  return sums.map((sum) => sum / count);
}

/** @throws UsageError unless n is a whole number from 1 to `size`. */
export function checkSubset(size: number, n: number, reward: string): void {
  if (Number.isInteger(n) && n >= 1 && n <= size) return;
  throw new UsageError(
    `The reward ${reward} cannot choose among ${String(n)} of ${String(size)} responses: ask for a whole number from 1 to ` +
      `${String(size)}, or draw more.`,
  );
}
