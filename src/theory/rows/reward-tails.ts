import { randomStream, type RandomStream } from "../../core/random.js";
import { randomRow } from "../instance.js";
import { byEffort, type Row, type RowOptions, type RowResult } from "../row.js";
import { ratioResult, type RatioCell } from "./ratio-row.js";

/** A base and a policy on one prompt. */
export interface RewardPair {
  readonly base: Float64Array;
  readonly policy: Float64Array;
}

/** C_{π_base/π;β} = E_base[(π_base/π)^β] (paper eq. 9). */
export function lossCoefficient({ base, policy }: RewardPair, beta: number): number {
  return base.reduce((sum, p, y) => sum + p * (p / policy[y]!) ** beta, 0);
}

/** X = |β log(π/π_base)(y) − β log(π/π_base)(y′)| for y, y′ ~ π_base: its values with their probabilities, largest first. */
function rewardGaps(
  { base, policy }: RewardPair,
  beta: number,
): { readonly gap: number; readonly mass: number }[] {
  const values = base.map((p, y) => beta * Math.log(policy[y]! / p));
  return [...base]
    .flatMap((p, y) => [...base].map((q, z) => ({ gap: Math.abs(values[y]! - values[z]!), mass: p * q })))
    .sort((a, b) => b.gap - a.gap);
}

/** k⁴ + 4(k³ + 3k² + 6k + 6) with k = log(2C): Lemma J.2 with the constants of its proof. */
export function fourthMomentBound(coefficient: number): number {
  const k = Math.log(2 * coefficient);
  return k ** 4 + 4 * (k ** 3 + 3 * k ** 2 + 6 * k + 6);
}

/** Random policies, policies that all but leave half of the base, and a rare response that they deny. */
function makePair(kind: number, beta: number, stream: RandomStream): RewardPair {
  const size = 2 + stream.integer(8);
  if (kind === 0) return { base: randomRow(size, 2, stream), policy: randomRow(size, 4, stream) };
  if (kind === 1) {
    const left = 10 ** (-1 - 3 * stream.next());
    return { base: Float64Array.of(0.5, 0.5), policy: Float64Array.of(1 - left, left) };
  }
  const gap = 1 + 5 * stream.next();
  const rare = Math.exp(-gap);
  const denied = rare * Math.exp(-gap / beta);
  return { base: Float64Array.of(1 - rare, rare), policy: Float64Array.of(1 - denied, denied) };
}

function cellsOf(
  { effort, seed }: RowOptions,
  name: string,
  cell: (pair: RewardPair, beta: number) => RatioCell,
): RatioCell[] {
  const stream = randomStream(seed, name);
  const count = byEffort(effort, { test: 60, fast: 600, thorough: 10000 });
  return [0.1, 0.3, 1].flatMap((beta) =>
    Array.from({ length: count }, (_, i) => cell(makePair(i % 3, beta, stream), beta)),
  );
}

/** sup_s P[X > log(2C) + s]·e^s, attained just below a value of X. */
export function tailRatio(pair: RewardPair, beta: number, coefficient: number, printed = false): number {
  let above = 0;
  let worst = 0;
  for (const { gap, mass } of rewardGaps(pair, beta)) {
    above += mass;
    // Just below the gap: s with log(2C) + s = gap, or as printed log(2C + s) = gap.
    const s = printed ? Math.exp(gap) - 2 * coefficient : gap - Math.log(2 * coefficient);
    if (s > 0) worst = Math.max(worst, above * Math.exp(Math.min(s, 700)));
  }
  return worst;
}

function runTail(options: RowOptions): RowResult {
  const { mutation } = options;
  const cells = cellsOf(options, "lemma-j.1", (pair, beta) => {
    const coefficient = lossCoefficient(pair, mutation === "wrong-power" ? beta / 4 : beta);
    const largest = rewardGaps(pair, beta)[0]!.gap;
    return {
      x: beta,
      measured: tailRatio(pair, beta, coefficient, mutation === "printed"),
      bound: 1,
      most: Math.exp(largest - Math.log(2 * coefficient)),
    };
  });
  return ratioResult({
    claim: "sup_s P[X > log(2C_{π_base/π;β}) + s]·e^s",
    constants: "constant 1; the paper prints log(2C + s)",
    cells,
    title: "Tails of the reward's gaps",
    axis: { label: "β", log: true },
    caption:
      "Random policies, policies that all but leave half of the base, and ones that deny a rare response.",
    found: "(exact, at the worst s)",
    notes: [
      "As printed, with log(2C + s), the lemma is false (docs/errata.md); its proof gives log(2C) + s.",
    ],
  });
}

/** Lemma J.1, with its logarithm mended. */
export const lemmaJ1: Row = {
  id: "lemma-j.1",
  title: "Lemma J.1",
  statement:
    "For β ≤ 1, y, y′ ~ π_base and X = |β log(π/π_base)(y) − β log(π/π_base)(y′)|: P[X > log(2C_{π_base/π;β}) + s] ≤ e^{−s} (printed with log(2C + s)).",
  source: ["Lemma J.1", "eq. (9)"],
  file: "src/theory/rows/reward-tails.ts",
  family: "one prompt of 2–9 responses, three kinds of policies; β of 0.1, 0.3 and 1",
  limits: "nothing is lost: the tail is exact",
  mutations: [
    { id: "printed", description: "log(2C + s) as it is printed" },
    { id: "wrong-power", description: "a quarter of β as the power in C" },
  ],
  run: runTail,
};

function runMoment(options: RowOptions): RowResult {
  const { mutation } = options;
  const cells = cellsOf(options, "lemma-j.2", (pair, beta) => {
    const gaps = rewardGaps(pair, beta);
    const coefficient = lossCoefficient(pair, mutation === "wrong-power" ? beta / 8 : beta);
    const bound =
      mutation === "no-constant" ? Math.log(2 * coefficient) ** 4 : fourthMomentBound(coefficient);
    return {
      x: beta,
      measured: gaps.reduce((sum, { gap, mass }) => sum + mass * gap ** 4, 0),
      bound,
      most: gaps[0]!.gap ** 4,
    };
  });
  return ratioResult({
    claim: "E[X⁴] / (k⁴ + 4(k³ + 3k² + 6k + 6)), k = log(2C_{π_base/π;β})",
    constants: "as in the proof",
    cells,
    title: "The fourth moment of the reward's gaps",
    axis: { label: "β", log: true },
    caption: "The instances of Lemma J.1.",
    found: "of the bound that the proof gives",
  });
}

/** Lemma J.2. */
export const lemmaJ2: Row = {
  id: "lemma-j.2",
  title: "Lemma J.2",
  statement:
    "With X as in Lemma J.1: E[X⁴] ≤ k⁴ + 4(k³ + 3k² + 6k + 6) = O(log⁴ C_{π_base/π;β} + 1), k = log(2C_{π_base/π;β}).",
  source: ["Lemma J.2", "eq. (9)"],
  file: "src/theory/rows/reward-tails.ts",
  family: "one prompt of 2–9 responses, three kinds of policies; β of 0.1, 0.3 and 1",
  limits: "nothing is lost: both sides are exact",
  mutations: [
    { id: "no-constant", description: "log⁴(2C) alone" },
    { id: "wrong-power", description: "an eighth of β as the power in C" },
  ],
  run: runMoment,
};
