import { randomStream, type RandomStream } from "../../core/random.js";
import { logSoftmax } from "../../policy/differentiable.js";
import {
  byEffort,
  compare,
  judgeFit,
  rowResult,
  type Figure,
  type Row,
  type RowOptions,
  type RowResult,
} from "../row.js";
import { exactSec, greedySec, linearSecBound, secTable, type SecTable } from "../sec.js";
import { fitSlope, median, type Replicates } from "../statistics.js";

const beta = 0.2;
/** ‖w‖ for every policy of the pool; ‖Δφ‖ ≤ 2, so |δ| ≤ 2·radius and λ = (2·radius)². */
const radius = 12;
/** T = 64·d, so that the logarithm in the bound is the same for every d and the bound stays below T, which no SEC exceeds. */
const roundsPerDimension = 64;

/**
 * A linear softmax class with its base in it: φ(y_0) = 0, the axes, and random unit vectors; π_base ∝ exp⟨φ, θ*⟩ with a random
 * ‖θ*‖ = 1, and r = log π_base. Then δ_θ(y, y′) = ⟨Δφ, w⟩ with w = βθ − (1 + β)θ*, and the pool has ‖w‖ = radius, so
 * that ‖θ‖ ≤ B = (radius + 1 + β)/β.
 */
function linearTable(d: number, stream: RandomStream, pool = 2 * d): SecTable {
  const unit = (): number[] => {
    const point = Array.from({ length: d }, () => stream.normal());
    const norm = Math.hypot(...point);
    return point.map((value) => value / norm);
  };
  const axis = (k: number): number[] => Array.from({ length: d }, (_, i) => (i === k ? 1 : 0));
  const axes = Array.from({ length: d }, (_, k) => axis(k));
  const features = [new Array<number>(d).fill(0), ...axes, ...Array.from({ length: d }, unit)];
  const along = (direction: readonly number[], scale: number): Float64Array =>
    Float64Array.from(
      features,
      (point) => scale * point.reduce((sum, value, i) => sum + value * direction[i]!, 0),
    );
  const toBase = along(unit(), 1);
  const base = logSoftmax(toBase).map(Math.exp);
  const potentials = Array.from({ length: pool }, (_, k) => along(axes[k] ?? unit(), radius));
  const policies = potentials.map((values) =>
    logSoftmax(values.map((value, y) => (value + (1 + beta) * toBase[y]!) / beta)).map(Math.exp),
  );
  return secTable(policies, potentials, base);
}

/** The same quantity against d at T = 64·d, and against T at d = 4. */
interface Sequences {
  readonly byDimension: readonly Replicates[];
  readonly byRounds: readonly Replicates[];
}

function measureSequences(
  { effort, mutation }: RowOptions,
  repeats: number,
  lambda: number,
  stream: RandomStream,
): Sequences {
  const trueDimension = (d: number): number => (mutation === "squared" ? d * d : d);
  const dimensions = byEffort(effort, {
    test: [3, 5, 9],
    fast: [4, 8, 16, 32, 64],
    thorough: [4, 8, 16, 32, 64, 128],
  });
  const found = (d: number, rounds: number): number[] =>
    Array.from({ length: repeats }, () => greedySec(linearTable(trueDimension(d), stream), rounds, lambda));
  return {
    byDimension: dimensions.map((d) => ({ x: d, values: found(d, roundsPerDimension * d) })),
    byRounds: [64, 256, 1024].map((rounds) => ({ x: rounds, values: found(4, rounds) })),
  };
}

/** The values found at each point, with the lemma's bound there. */
function besideBounds({ byDimension, byRounds }: Sequences) {
  return [
    ...byDimension.map(({ x, values }) => ({ values, d: x, rounds: roundsPerDimension * x })),
    ...byRounds.map(({ x, values }) => ({ values, d: 4, rounds: x })),
  ].map(({ values, d, rounds }) => ({ values, rounds, bound: linearSecBound(d, rounds) }));
}

function figure(byDimension: readonly Replicates[]): Figure {
  return {
    title: "SEC of linear softmax, T = 64·d",
    x: { label: "dimension d", log: true },
    y: { label: "SEC", log: true },
    series: [
      {
        name: "of the sequence found",
        kind: "measured",
        points: byDimension.map(({ x, values }) => ({ x, y: median(values) })),
      },
      {
        name: "4d·log(1 + T/d)",
        kind: "bound",
        points: byDimension.map(({ x }) => ({ x, y: linearSecBound(x, roundsPerDimension * x) })),
      },
      {
        name: "T, which no SEC exceeds",
        kind: "reference",
        points: byDimension.map(({ x }) => ({ x, y: roundsPerDimension * x })),
      },
    ],
    caption: "The sequence takes the largest term at each step, over a pool of 2d policies.",
  };
}

function run(options: RowOptions): RowResult {
  const { effort, seed, mutation } = options;
  const stream = randomStream(seed, "lemma-j.5");
  const lambda = mutation === "small-lambda" ? 1e-3 : (2 * radius) ** 2;
  const repeats = byEffort(effort, { test: 4, fast: 5, thorough: 20 });
  const sequences = measureSequences(options, repeats, lambda, stream);
  const bounds = besideBounds(sequences);
  const ratios = bounds.flatMap(({ values, bound }) => values.map((value) => value / bound));
  const exactRounds = byEffort(effort, { test: 40, fast: 40, thorough: 60 });
  const small = Array.from({ length: repeats }, () => linearTable(2, stream, 3));
  const exact = small.map((table) => exactSec(table, exactRounds, lambda));
  const gap = small.map((table, i) => greedySec(table, exactRounds, lambda) / exact[i]!);
  const fit = judgeFit("SEC against d at T = 64·d", fitSlope(sequences.byDimension, stream), 1, 0.2);
  return rowResult({
    instances: ratios.length + small.length,
    checks: [
      compare(
        "SEC of the sequence found / 4d·log(1 + T/d), largest",
        Math.max(...ratios),
        "<=",
        1,
        "constant 4, λ = max δ²",
        Math.max(...bounds.map(({ rounds, bound }) => rounds / bound)),
      ),
      compare(
        `exact SEC of three policies, d = 2, T = ${exactRounds}, largest`,
        Math.max(...exact),
        "<=",
        linearSecBound(2, exactRounds),
        "constant 4",
        exactRounds,
      ),
    ],
    fits: [fit],
    figure: figure(sequences.byDimension),
    summary: `SEC ∝ d^${fit.slope.toFixed(2)} at T = 64·d, at most ${Math.max(...ratios).toFixed(2)} of 4d·log(1 + T/d)`,
    notes: [
      `The sequence found bounds SEC from below and the lemma bounds it from above; both grow like d, so the exponent is attained. On classes of three policies SEC is exact (the sequence reaches ${Math.min(...gap).toFixed(3)} of it there).`,
    ],
  });
}

/** Lemma J.5 and Definition J.1. */
export const lemmaJ5: Row = {
  id: "lemma-j.5",
  title: "Lemma J.5 (Def. J.1)",
  statement:
    "For linear softmax policies in d dimensions SEC ≤ 4d·log(1 + T/d) ≤ 4d·log(T + 1), with λ = max δ².",
  source: ["Lemma J.5", "Definition J.1", "Definition J.3"],
  file: "src/theory/rows/lemma-j-5.ts",
  family:
    "axes and random unit vectors as features, π_base of the class, d from 4 to 64 (thorough: 128); pools of 2d policies, T = 64·d, and T from 64 to 1024 at d = 4",
  limits:
    "the supremum over sequences is bounded from below by one sequence, except for very small classes, where it is exact",
  mutations: [
    { id: "squared", description: "features of d² dimensions: the law one power too steep" },
    { id: "small-lambda", description: "λ far below the square of the range" },
  ],
  run,
};
