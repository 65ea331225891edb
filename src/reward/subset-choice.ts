import { UsageError } from "../core/errors.js";
import { randomStream } from "../core/random.js";

/** The most subsets of a pool that are looked at one by one: every N up to 3 of 50 responses, and from 47 on. */
const MOST_SUBSETS = 20_000;
/** How many are drawn at random where there are more. */
const DRAWN_SUBSETS = 400;

/** Whether a pool of `size` has few enough subsets of `n` to look at each. */
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

/** Every n-subset of the positions below `size`, one after the other in the same array. */
function* everySubset(size: number, n: number): Generator<readonly number[]> {
  const positions = Array.from({ length: n }, (_, i) => i);
  do yield positions;
  while (advance(positions, size));
}

/**
 * Subsets drawn at random, always the same for a size and an n: as many disjoint ones of each random order as fit, so that
 * no response is in many more of them than another.
 */
function* someSubsets(size: number, n: number): Generator<readonly number[]> {
  const stream = randomStream(0, `subsets of ${n} of ${size}`);
  const positions = Array.from({ length: size }, (_, i) => i);
  for (let drawn = 0; drawn < DRAWN_SUBSETS;) {
    const order = stream.shuffle(positions);
    for (let at = 0; at + n <= size && drawn < DRAWN_SUBSETS; at += n, drawn++)
      yield order.slice(at, at + n).sort((a, b) => a - b);
  }
}

/**
 * P(response i is chosen) over uniformly random n-subsets, for selectors whose expectation has no closed form: exact where the subsets
 * are few enough to look at each (`fewSubsets`), and else the mean over 400 that are drawn at random, always the same ones. A prompt's
 * figure is then off by at most 0.025 (one standard error), the mean over 256 prompts by 0.002.
 * @param shares P(each is chosen) of the responses at these positions (ascending), in their order; sums to 1.
 * @throws UsageError unless n is a whole number from 1 to `size`.
 */
export function chosenOverSubsets(
  size: number,
  n: number,
  reward: string,
  shares: (positions: readonly number[]) => readonly number[],
): number[] {
  checkSubset(size, n, reward);
  const sums = new Array<number>(size).fill(0);
  let count = 0;
  for (const positions of fewSubsets(size, n) ? everySubset(size, n) : someSubsets(size, n)) {
    const chosen = shares(positions);
    for (let i = 0; i < n; i++) sums[positions[i]!]! += chosen[i]!;
    count++;
  }
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
