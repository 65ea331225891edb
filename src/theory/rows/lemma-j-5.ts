import { randomStream, type RandomStream } from "../../core/random.js";
import { normalize } from "../instance.js";
import { byEffort, compare, judgeFit, rowResult, type Row, type RowOptions, type RowResult } from "../row.js";
import { exactSec, greedySec, linearSecBound, secTable, type SecTable } from "../sec.js";
import { fitSlope, median } from "../statistics.js";

const beta = 0.2;
/** ‖w‖ for every policy of the pool; ‖Δφ‖ ≤ 2, so |δ| ≤ 2·radius and λ = (2·radius)². */
const radius = 12;

/** φ(y_0) = 0, the axes, and random unit vectors; a pool of policies π_w ∝ π_base·exp((r + ⟨φ, w⟩)/β), ‖w‖ = radius. */
function linearTable(d: number, stream: RandomStream, pool = 2 * d): SecTable {
  const unit = (): number[] => {
    const point = Array.from({ length: d }, () => stream.normal());
    const norm = Math.hypot(...point);
    return point.map((value) => value / norm);
  };
  const axis = (k: number): number[] => Array.from({ length: d }, (_, i) => (i === k ? 1 : 0));
  const axes = Array.from({ length: d }, (_, k) => axis(k));
  const features = [new Array<number>(d).fill(0), ...axes, ...Array.from({ length: d }, unit)];
  const base = normalize(features.map((_, y) => (y === 0 ? features.length : 0.5 + stream.next())));
  const directions = Array.from({ length: pool }, (_, k) => axes[k] ?? unit());
  const potentials = directions.map((direction) =>
    Float64Array.from(
      features,
      (point) => radius * point.reduce((sum, value, i) => sum + value * direction[i]!, 0),
    ),
  );
  const policies = potentials.map((values) => {
    const logits = values.map((value, y) => Math.log(base[y]!) + (Math.log(base[y]!) + value) / beta);
    const top = Math.max(...logits);
    return normalize(logits.map((value) => Math.exp(value - top)));
  });
  return secTable(policies, potentials, base);
}

function run({ effort, seed, mutation }: RowOptions): RowResult {
  const stream = randomStream(seed, "lemma-j.5");
  const lambda = mutation === "small-lambda" ? 1e-3 : (2 * radius) ** 2;
  const hidden = mutation === "hidden-dimensions" ? 16 : 1;
  const dimensions = byEffort(effort, {
    test: [2, 4, 6],
    fast: [2, 4, 8, 16, 32, 64],
    thorough: [2, 4, 8, 16, 32, 64, 128, 256],
  });
  const repeats = byEffort(effort, { test: 2, fast: 5, thorough: 20 });
  const horizon = 256;
  const byDimension = dimensions.map((d) => ({
    x: d,
    values: Array.from({ length: repeats }, () =>
      greedySec(linearTable(d * hidden, stream), horizon, lambda),
    ),
  }));
  const byRounds = [16, 64, 256, 1024].map((rounds) => ({
    x: rounds,
    values: Array.from({ length: repeats }, () => greedySec(linearTable(4 * hidden, stream), rounds, lambda)),
  }));
  const ratios = [
    ...byDimension.flatMap(({ x, values }) => values.map((value) => value / linearSecBound(x, horizon))),
    ...byRounds.flatMap(({ x, values }) => values.map((value) => value / linearSecBound(4, x))),
  ];
  const exactRounds = byEffort(effort, { test: 10, fast: 16, thorough: 32 });
  const small = Array.from({ length: repeats }, () => linearTable(2, stream, 4));
  const exact = small.map((table) => exactSec(table, exactRounds, lambda));
  const gap = small.map((table, i) => greedySec(table, exactRounds, lambda) / exact[i]!);
  const fit = judgeFit(`SEC against d at T = ${horizon}`, fitSlope(byDimension, stream), 1, 0.15, "at most");
  return rowResult({
    instances: ratios.length + small.length,
    checks: [
      compare(
        "estimated SEC / 4d·log(1 + T/d), largest",
        Math.max(...ratios),
        "<=",
        1,
        "constant 4, λ = max δ²",
      ),
      compare(
        `exact SEC of four policies, d = 2, T = ${exactRounds}, largest`,
        Math.max(...exact),
        "<=",
        linearSecBound(2, exactRounds),
        "constant 4",
      ),
    ],
    fits: [fit],
    figure: {
      title: `SEC of linear softmax, T = ${horizon}`,
      x: { label: "dimension d", log: true },
      y: { label: "SEC", log: true },
      series: [
        {
          name: "estimated from below",
          kind: "measured",
          points: byDimension.map(({ x, values }) => ({ x, y: median(values) })),
        },
        {
          name: "4d·log(1 + T/d)",
          kind: "bound",
          points: byDimension.map(({ x }) => ({ x, y: linearSecBound(x, horizon) })),
        },
      ],
      caption: "Estimate: the sequence that takes the largest term at each step, over a pool of 2d policies.",
    },
    summary: `SEC ∝ d^${fit.slope.toFixed(2)} at T = ${horizon}, at most ${Math.max(...ratios).toFixed(2)} of 4d·log(1 + T/d)`,
    notes: [
      `SEC is estimated from below except on four policies, where it is exact (the estimate reaches ${Math.min(...gap).toFixed(3)} of it there).`,
    ],
  });
}

/** Lemma J.5 and Definition J.1. */
export const lemmaJ5: Row = {
  id: "lemma-j.5",
  title: "Lemma J.5 (Def. J.1)",
  statement:
    "For linear softmax policies in d dimensions SEC ≤ 4d·log(1 + T/d) ≤ 4d·log(T + 1), with λ = max δ².",
  source: ["Lemma J.5", "Definition J.1"],
  file: "src/theory/rows/lemma-j-5.ts",
  family:
    "axes and random unit vectors as features, d from 2 to 64 (thorough: 256); pools of 2d policies, T from 16 to 1024",
  limits: "the supremum over sequences is estimated from below except for very small classes",
  mutations: [
    { id: "hidden-dimensions", description: "features of 16 times the dimension that is claimed" },
    { id: "small-lambda", description: "λ far below the square of the range" },
  ],
  run,
};
