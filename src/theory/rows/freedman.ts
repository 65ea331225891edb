import { byEffort, type Row, type RowOptions, type RowResult } from "../row.js";
import { ratioResult, type RatioCell } from "./ratio-row.js";

const deltas = [0.4, 0.2, 0.1, 0.05, 0.01];

/** A martingale difference that is `high` with probability q and else −high·q/(1−q); what it is may hang on the ups so far. */
interface Step {
  readonly high: number;
  readonly q: number;
}
type Process = (round: number, ups: number) => Step;

/** Z_t is at most R = 1 in size: coins, rare jumps, and steps that shrink or stop with the ups so far. */
const processes: readonly Process[] = [
  () => ({ high: 1, q: 0.5 }),
  () => ({ high: 1, q: 0.005 }),
  () => ({ high: 1, q: 0.05 }),
  (_, ups) => ({ high: 1 / (1 + ups), q: 0.5 }),
  (round, ups) => ({ high: ups > round / 2 ? 1 : 0.3, q: 0.4 }),
  (_, ups) => ({ high: ups >= 3 ? 0 : 1, q: 0.3 }),
];

/** P[broken(ΣZ, ΣE[Z²])] after T rounds, by walking all 2^T paths. */
function martingaleRisk(
  process: Process,
  rounds: number,
  broken: (sum: number, variance: number) => boolean,
): number {
  const walk = (round: number, ups: number, sum: number, variance: number, mass: number): number => {
    if (round === rounds) return broken(sum, variance) ? mass : 0;
    const { high, q } = process(round, ups);
    const low = (-high * q) / (1 - q);
    const next = variance + q * high * high + (1 - q) * low * low;
    return (
      walk(round + 1, ups + 1, sum + high, next, mass * q) +
      walk(round + 1, ups, sum + low, next, mass * (1 - q))
    );
  };
  return walk(0, 0, 0, 0, 1);
}

function runFreedman({ effort, mutation }: RowOptions): RowResult {
  const rounds = byEffort(effort, { test: 12, fast: 16, thorough: 20 });
  const cells: RatioCell[] = [];
  for (const process of processes)
    for (const share of [0.2, 0.5, 0.9, 0.99])
      for (const delta of deltas) {
        const eta = mutation === "large-eta" ? 8 * share : share;
        const weight = mutation === "no-variance" ? 0 : eta;
        const broken = (sum: number, variance: number): boolean =>
          sum > weight * variance + Math.log(1 / delta) / eta + 1e-12;
        cells.push({ x: delta, measured: martingaleRisk(process, rounds, broken), bound: delta, most: 1 });
      }
  return ratioResult({
    claim: "P[ΣZ_t > η·ΣE[Z_t²|F_{t−1}] + log(1/δ)/η] / δ",
    constants: "η from 0.2/R to 0.99/R, constant 1",
    cells,
    title: "Freedman's inequality",
    axis: { label: "δ", log: true },
    caption: `Six martingales of ${rounds} steps, some of which hang on the past; every path is counted.`,
    found: "of δ",
  });
}

/** Lemma F.3. */
export const lemmaF3: Row = {
  id: "lemma-f.3",
  title: "Lemma F.3 (Freedman)",
  statement:
    "For martingale differences |Z_t| ≤ R and η ∈ (0, 1/R), w.p. ≥ 1−δ: ΣZ_t ≤ η·ΣE[Z_t²|F_{t−1}] + log(1/δ)/η.",
  source: ["Lemma F.3"],
  file: "src/theory/rows/freedman.ts",
  family: "six two-valued martingales of 12–20 steps, R = 1; δ from 0.01 to 0.4",
  limits: "nothing is lost: probabilities are exact, though the martingales are few and short",
  mutations: [
    { id: "large-eta", description: "η eight times as large, beyond 1/R" },
    { id: "no-variance", description: "the variance term left out" },
  ],
  run: runFreedman,
};

/** Z_t = R = 1 with a probability that may hang on how often it was. */
const chances: readonly ((round: number, ups: number) => number)[] = [
  () => 0.05,
  () => 0.3,
  (_, ups) => (ups === 0 ? 0.02 : 0),
  (_, ups) => (ups === 0 ? 0.2 : 0),
  (_, ups) => (ups < 3 ? 0.1 : 0),
];

/** P[broken(ΣE[Z|F], ΣZ)]: a walk over rounds and ups, the sum of chances being kept by path classes. */
function sumRisk(
  chance: (round: number, ups: number) => number,
  rounds: number,
  broken: (expected: number, sum: number) => boolean,
): number {
  let states = new Map<string, { ups: number; expected: number; mass: number }>([
    ["", { ups: 0, expected: 0, mass: 1 }],
  ]);
  for (let round = 0; round < rounds; round++) {
    const next: typeof states = new Map();
    const add = (ups: number, expected: number, mass: number): void => {
      if (mass === 0) return;
      const key = `${ups} ${expected.toFixed(9)}`;
      const known = next.get(key);
      next.set(key, { ups, expected, mass: mass + (known?.mass ?? 0) });
    };
    for (const { ups, expected, mass } of states.values()) {
      const p = chance(round, ups);
      add(ups + 1, expected + p, mass * p);
      add(ups, expected + p, mass * (1 - p));
    }
    states = next;
  }
  return [...states.values()].reduce(
    (sum, { ups, expected, mass }) => sum + (broken(expected, ups) ? mass : 0),
    0,
  );
}

function runCorollary({ effort, mutation }: RowOptions): RowResult {
  const rounds = byEffort(effort, { test: 100, fast: 150, thorough: 300 });
  const factor = mutation === "constant" ? 0.5 : 4;
  const slope = mutation === "slope" ? 0 : 2;
  const cells: RatioCell[] = chances.flatMap((chance) =>
    deltas.map((delta) => ({
      x: delta,
      measured: sumRisk(
        chance,
        rounds,
        (expected, sum) => expected > slope * sum + factor * Math.log(1 / delta) + 1e-9,
      ),
      bound: delta,
      most: 1,
    })),
  );
  return ratioResult({
    claim: "P[ΣE[Z_t|F_{t−1}] > 2ΣZ_t + 4R·log(1/δ)] / δ",
    constants: "2 and 4",
    cells,
    title: "Corollary F.1",
    axis: { label: "δ", log: true },
    caption: `Five adapted sequences of ${rounds} steps; every path is counted.`,
    found: "of δ",
  });
}

/** Corollary F.1. */
export const corF1: Row = {
  id: "cor-f.1",
  title: "Corollary F.1",
  statement: "For adapted Z_t ∈ [0, R], w.p. ≥ 1−δ: ΣE[Z_t|F_{t−1}] ≤ 2ΣZ_t + 4R·log(1/δ).",
  source: ["Corollary F.1"],
  file: "src/theory/rows/freedman.ts",
  family:
    "five sequences of 0 and R whose chance may fall after a hit; T from 100 to 300, δ from 0.01 to 0.4",
  limits: "nothing is lost: probabilities are exact, though the sequences are few",
  mutations: [
    { id: "constant", description: "R/2 in place of 4R before the logarithm" },
    { id: "slope", description: "the sum of what was seen left out" },
  ],
  run: runCorollary,
};
