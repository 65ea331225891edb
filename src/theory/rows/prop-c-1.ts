import { randomStream, type RandomStream } from "../../core/random.js";
import { randomSequenceRow, singlePrompt, tokenGreedy } from "../instance.js";
import { sampleOracle, type SampleOracle } from "../oracle.js";
import { nearArgmax, targetMass } from "../quantities.js";
import {
  byEffort,
  compare,
  rowResult,
  type Figure,
  type Row,
  type RowOptions,
  type RowResult,
} from "../row.js";
import { lowerLimit } from "../statistics.js";

/** Best-of-N at inference time: the most likely of one prompt's N responses; sees the oracle only. */
function bestOf(oracle: SampleOracle): number {
  const drawn = oracle.sample(1)[0]!.responses;
  return drawn.reduce((best, other) => (other.logProb > best.logProb ? other : best)).response;
}

/** Ignores log π_base: a response of the N at random. */
function anyOf(oracle: SampleOracle, uniform: number): number {
  const drawn = oracle.sample(1)[0]!.responses;
  let left = uniform * oracle.responsesPerPrompt;
  return (drawn.find(({ count }) => (left -= count) < 0) ?? drawn[0]!).response;
}

interface Cell {
  readonly exponent: number;
  readonly share: number;
  readonly low: number;
  readonly exact: number;
}

/** Runs best-of-N, or what the mutation puts in its place, so many times. @returns how often it missed the target. */
function countMisses(
  row: Float64Array,
  n: number,
  target: ReadonlySet<number>,
  trials: number,
  mutation: string | undefined,
  stream: RandomStream,
): number {
  const greedy = tokenGreedy(row, 3);
  const used = mutation === "halved" ? Math.max(1, Math.floor(n / 2)) : n;
  const oracle = sampleOracle(singlePrompt(row), used, stream);
  const answer = (): number => {
    if (mutation === "greedy") return greedy;
    return mutation === "ignores" ? anyOf(oracle, stream.next()) : bestOf(oracle);
  };
  let misses = 0;
  for (let trial = 0; trial < trials; trial++) if (!target.has(answer())) misses++;
  return misses;
}

/** The miss rates of random policies for three γ and four N each, and the largest at the N that the statement gives. */
function measure(instances: number, trials: number, mutation: string | undefined, stream: RandomStream) {
  const cells: Cell[] = [];
  let rhoWorst = 0;
  const risk = 1e-6 / (instances * 12);
  for (let i = 0; i < instances; i++) {
    const { row } = randomSequenceRow(3, 3, 0.5 + 2 * stream.next(), stream);
    for (const gamma of [0, 0.1, 0.5]) {
      const target = new Set(nearArgmax(row, gamma));
      const mass = targetMass(row, row, gamma);
      const planned = Math.ceil(Math.log(20) / mass);
      rhoWorst = Math.max(rhoWorst, (1 - mass) ** planned);
      for (const scale of [0.5, 1, 2, 4]) {
        const n = Math.max(1, Math.round(scale / mass));
        const misses = countMisses(row, n, target, trials, mutation, stream);
        cells.push({
          exponent: n * mass,
          share: misses / trials,
          low: lowerLimit(misses, trials, risk),
          exact: (1 - mass) ** n,
        });
      }
    }
  }
  return { cells, rhoWorst };
}

function figure(cells: readonly Cell[], trials: number): Figure {
  const points = [...cells].sort((a, b) => a.exponent - b.exponent);
  return {
    title: "Best-of-N misses y*_γ",
    x: { label: "N·π(y*_γ)" },
    y: { label: "miss rate", log: true },
    series: [
      {
        name: "measured",
        kind: "measured",
        points: points
          .filter(({ share }) => share > 0)
          .map(({ exponent, share }) => ({ x: exponent, y: share })),
      },
      {
        name: "exp(−N·π(y*_γ))",
        kind: "bound",
        points: points.map(({ exponent }) => ({ x: exponent, y: Math.exp(-exponent) })),
      },
    ],
    caption: `Each dot: ${trials} runs of best-of-N through the oracle, on a random policy over 3³ responses.`,
  };
}

function run({ effort, seed, mutation }: RowOptions): RowResult {
  const instances = byEffort(effort, { test: 12, fast: 60, thorough: 400 });
  const trials = byEffort(effort, { test: 150, fast: 500, thorough: 4000 });
  const { cells, rhoWorst } = measure(instances, trials, mutation, randomStream(seed, "prop-c.1"));
  const broken = cells.filter(({ low, exponent }) => low > Math.exp(-exponent)).length;
  const tightest = Math.max(...cells.map(({ exact, exponent }) => exact / Math.exp(-exponent)));
  return rowResult({
    instances: cells.length,
    checks: [
      compare(
        "cells whose miss rate exceeds the bound (lower limit at joint risk 1e-6)",
        broken,
        "<=",
        0,
        "bound exp(−N·π(y*_γ)), constant 1",
      ),
      compare("exact miss rate (1−π(y*_γ))^N / bound, largest", tightest, "<=", 1, "constant 1"),
      compare("miss rate at N = ⌈log(1/ρ)/π(y*_γ)⌉, largest", rhoWorst, "<=", 0.05, "ρ = 0.05"),
    ],
    fits: [],
    figure: figure(cells, trials),
    summary: `${broken} of ${cells.length} cells above exp(−N·π); exact miss rate reaches ${tightest.toFixed(3)} of it`,
    notes: [],
  });
}

/** Proposition C.1. */
export const propC1: Row = {
  id: "prop-c.1",
  title: "Proposition C.1",
  statement:
    "Best-of-N misses y*_γ(x) with probability ≤ exp(−N·π(y*_γ|x)); N ≥ log(1/ρ)/π(y*_γ|x) gives ≤ ρ.",
  source: ["Proposition C.1", "eq. (2)", "Definition F.1"],
  file: "src/theory/rows/prop-c-1.ts",
  family: "random autoregressive policies over 3³ responses, γ ∈ {0, 0.1, 0.5}, N·π from 1/2 to 4",
  limits: "nothing is lost: the exact miss rate is compared as well as the simulated one",
  mutations: [
    { id: "greedy", description: "greedy decoding in place of best-of-N" },
    { id: "halved", description: "N halved below the bound's" },
    { id: "ignores", description: "a response of the N at random" },
  ],
  run,
};
