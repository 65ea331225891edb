import { randomStream, type RandomStream } from "../core/random.js";
import { drawResamples, estimateDifference, estimateLift, estimateMean } from "./bootstrap.js";
import type { Estimate } from "./metrics.js";

/** Prompts' true chances of a right answer: a few hard and easy ones, as real tasks have them. */
const chance = (stream: RandomStream): number => stream.next() ** 1.5;
const hits = (p: number, draws: number, stream: RandomStream): number =>
  Array.from({ length: draws }, () => Number(stream.next() < p)).reduce((a, b) => a + b, 0) / draws;
const list = <T>(n: number, make: () => T): T[] => Array.from({ length: n }, make);

type Interval = (
  prompts: number,
  stream: RandomStream,
) => readonly [estimate: Estimate | undefined, truth: number];

const shares = (n: number, make: () => number): Estimate =>
  estimateMean(list(n, make), resamples(n), "share");

/** A paired difference of shares. */
function difference(n: number, make: () => readonly [number, number]): Estimate {
  const pairs = list(n, make);
  const side = (at: 0 | 1): number[] => pairs.map((pair) => pair[at]);
  return estimateDifference(side(0), side(1), resamples(n), "share");
}

/** One evaluation's interval and what it should hold, for each kind of figure that is printed. */
export const kinds: Readonly<Record<string, Interval>> = {
  "a share of prompts, 30 %": (n, s) => [shares(n, () => Number(s.next() < 0.3)), 0.3],
  "a rare share of prompts, 3 %": (n, s) => [shares(n, () => Number(s.next() < 0.03)), 0.03],
  "accuracy, a mean of eight draws a prompt": (n, s) => [shares(n, () => hits(chance(s), 8, s)), 0.4],
  "a log-likelihood, skewed": (n, s) => [
    estimateMean(
      list(n, () => Math.log(1 - s.next()) + Math.log(1 - s.next())),
      resamples(n),
    ),
    -2,
  ],
  "a paired difference of shares": (n, s) => [
    difference(n, () => {
      const p = chance(s);
      return [Number(s.next() < p), Number(s.next() < p)];
    }),
    0,
  ],
  "a paired difference where few prompts differ": (n, s) => [
    difference(n, () => {
      const first = Number(s.next() < 0.4);
      return [s.next() < 0.08 ? 1 - first : first, first];
    }),
    0.016,
  ],
  "a paired difference of means of draws": (n, s) => [
    difference(n, () => {
      const p = chance(s);
      return [hits(p, 8, s), Number(s.next() < p)];
    }),
    0,
  ],
  "a paired difference of log-likelihoods": (n, s) => [
    estimateDifference(
      list(n, () => Math.log(1 - s.next())),
      list(n, () => s.normal()),
      resamples(n),
    ),
    -1,
  ],
  "a relative lift": (n, s) => {
    const pairs = list(n, () => {
      const p = 0.3 + 0.5 * s.next();
      return [hits(p, 8, s), hits(p, 4, s)] as const;
    });
    return [
      estimateLift(
        pairs.map(([a]) => a),
        pairs.map(([, b]) => b),
        resamples(n),
      ),
      0,
    ];
  },
};

const drawn = new Map<number, ReturnType<typeof drawResamples>>();
function resamples(prompts: number) {
  const known = drawn.get(prompts) ?? drawResamples(prompts, { seed: 1, resamples: 300 });
  drawn.set(prompts, known);
  return known;
}

/** The numbers of prompts that coverage is simulated at. */
export const SIZES = [6, 16, 64, 256];

/** What share of `trials` intervals of a kind hold the truth, among those that have an interval at all, and how many those are. */
export function simulatedCoverage(
  kind: string,
  prompts: number,
  trials: number,
): { readonly share: number; readonly measured: number } {
  const stream = randomStream(3, `coverage ${prompts}`);
  let [held, measured] = [0, 0];
  for (let trial = 0; trial < trials; trial++) {
    const [estimate, truth] = kinds[kind]!(prompts, stream);
    if (estimate === undefined) continue;
    measured++;
    if (estimate.low <= truth && truth <= estimate.high) held++;
  }
  return { share: held / measured, measured };
}

/** The same for a mean over 64 prompts and a few training seeds, whose own means differ by `spread` (prompts by 1). */
export function simulatedSeedCoverage(seeds: number, spread: number, trials: number): number {
  const stream = randomStream(4, "coverage of seeds");
  const own = drawResamples(64, { seed: 1, resamples: 300, seeds });
  let held = 0;
  for (let trial = 0; trial < trials; trial++) {
    const prompts = list(64, () => stream.normal());
    const rows = list(seeds, () => {
      const seed = spread * stream.normal();
      return prompts.map((prompt) => prompt + seed + stream.normal());
    });
    const { low, high } = estimateMean(rows, own);
    if (low <= 0 && 0 <= high) held++;
  }
  return held / trials;
}

/** The least share that passes for 93 % after a number of trials: two standard errors below. */
export const atLeast93 = (trials: number): number => 0.93 - 2 * Math.sqrt((0.93 * 0.07) / trials);
