import { randomStream, type RandomStream } from "../../core/random.js";
import { explicitLowerBound, hittingCost, paperLowerBound, type HittingOptions } from "../hard-family.js";
import { hardFamily, type HardFamily } from "../instance.js";
import {
  byEffort,
  compare,
  judgeFit,
  measuredSeries,
  rowResult,
  type RateFit,
  type Row,
  type RowOptions,
  type RowResult,
} from "../row.js";
import { fitSlope, median, type Replicates } from "../statistics.js";

/** One point of a sweep: a family and the costs measured on it. */
interface Point {
  readonly family: HardFamily;
  readonly coverage: number;
  readonly p: number;
  readonly values: readonly number[];
}

type Learner = "fixed" | "adaptive";

interface Sweep {
  readonly learner: Learner;
  readonly fault?: "leak" | "ignores";
  readonly replicates: number;
}

/** The learner's cost at its best N: each N is tried, and the one with the least median kept. */
function measure(family: HardFamily, coverage: number, p: number, sweep: Sweep, stream: RandomStream): Point {
  const adaptive = sweep.learner === "adaptive";
  // The learner needs about 6 times the bound; one that looks at nothing need not run so far to show it.
  const cap = (sweep.fault === "ignores" ? 2 : 30) * explicitLowerBound(family, adaptive) + 100;
  const allocations = adaptive ? [undefined] : [1, Math.ceil(family.choices / 4)];
  const costs = allocations.map((n) => {
    const options: HittingOptions = {
      family,
      cap,
      ...(n === undefined ? {} : { responsesPerPrompt: n }),
      ...(sweep.fault === undefined ? {} : { fault: sweep.fault }),
    };
    return Array.from({ length: sweep.replicates }, () => hittingCost(options, stream));
  });
  const values = costs.reduce((best, other) => (median(other) < median(best) ? other : best));
  return { family, coverage, p, values };
}

const replicatesAt = (points: readonly Point[], x: (point: Point) => number): Replicates[] =>
  points.map((point) => ({ x: x(point), values: point.values }));

function figureSeries(points: readonly Point[], p: number, adaptive: boolean) {
  const inverse = ({ family }: Point): number => 1 / family.epsilon;
  return [
    measuredSeries(`best learner, p = ${p}`, replicatesAt(points, inverse)),
    {
      name: `explicit lower bound, p = ${p}`,
      kind: "bound" as const,
      points: points.map((point) => ({ x: inverse(point), y: explicitLowerBound(point.family, adaptive) })),
    },
    {
      name: `paper's form, p = ${p}`,
      kind: "reference" as const,
      points: points.map((point) => ({
        x: inverse(point),
        y: paperLowerBound(point.family, point.coverage, p, adaptive),
      })),
    },
  ];
}

/** What is measured: ε over two decades for p of 1 and 2, then C, then the class. */
interface Sweeps {
  readonly byEpsilon: readonly [readonly Point[], readonly Point[]];
  readonly byCoverage: readonly Point[];
  readonly byClass: readonly Point[];
}

function measureAll(effort: RowOptions["effort"], sweep: Sweep, stream: RandomStream): Sweeps {
  const steps = byEffort(effort, {
    test: [0, 0.75, 1.5],
    fast: [0, 0.5, 1, 1.5, 2],
    thorough: [0, 0.5, 1, 1.5, 2, 2.5],
  });
  const scales = steps.map((step) => 10 ** step);
  const sizes = byEffort(effort, {
    test: [16, 64, 256],
    fast: [16, 32, 64, 128, 256, 512],
    thorough: [16, 32, 64, 128, 256, 512, 1024],
  });
  const at = (d: number, epsilon: number, coverage: number, p: number): Point =>
    measure(hardFamily(d, epsilon, coverage, p), coverage, p, sweep, stream);
  const epsilons = (p: number): Point[] => scales.map((scale) => at(8, 1 / (32 * scale), 4, p));
  return {
    byEpsilon: [epsilons(1), epsilons(2)],
    byCoverage: scales.slice(0, 5).map((scale) => at(8, 1 / 32, 8 * scale, 1)),
    byClass: sizes.map((d) => at(d, 1 / 64, 4, 1)),
  };
}

function fitAll({ byEpsilon, byCoverage, byClass }: Sweeps, adaptive: boolean, stream: RandomStream) {
  const base = adaptive ? 0 : 1;
  const fitted = (
    name: string,
    points: readonly Point[],
    x: (point: Point) => number,
    expected: number,
  ): RateFit => judgeFit(name, fitSlope(replicatesAt(points, x), stream), expected, 0.15);
  return [
    fitted("m against 1/ε, p = 1", byEpsilon[0], ({ family }) => 1 / family.epsilon, base + 1),
    fitted("m against 1/ε, p = 2", byEpsilon[1], ({ family }) => 1 / family.epsilon, base + 1 / 2),
    fitted("m against C", byCoverage, ({ coverage }) => coverage, 1),
    fitted("m against log|Π|", byClass, ({ family }) => family.hardPrompts * Math.log(family.choices), 1),
  ] as const;
}

function run(adaptive: boolean, { effort, seed, mutation }: RowOptions): RowResult {
  const stream = randomStream(seed, adaptive ? "thm-d.2" : "thm-3.1");
  const swapped = mutation === "adaptive" || mutation === "fixed";
  const sweep: Sweep = {
    learner: swapped ? mutation : adaptive ? "adaptive" : "fixed",
    replicates: byEffort(effort, { test: 20, fast: 60, thorough: 600 }),
    ...(mutation === "leak" || mutation === "ignores" ? { fault: mutation } : {}),
  };
  const sweeps = measureAll(effort, sweep, stream);
  const { byEpsilon, byCoverage, byClass } = sweeps;
  const all = [...byEpsilon.flat(), ...byCoverage, ...byClass];
  const least = (bound: (point: Point) => number): number =>
    Math.min(...all.map((point) => median(point.values) / bound(point)));
  const explicit = least(({ family }) => explicitLowerBound(family, adaptive));
  const paper = least(({ family, coverage, p }) => paperLowerBound(family, coverage, p, adaptive));
  const fits = fitAll(sweeps, adaptive, stream);
  return rowResult({
    instances: all.length * sweep.replicates,
    checks: [
      compare(
        "median m of the best learner / explicit lower bound, least",
        explicit,
        ">=",
        1,
        adaptive ? "d(15M/32 − 1)/2" : "d(15M/32 − 1)/(2Δ), Δ = 16ε",
      ),
      compare(
        "median m of the best learner / the paper's form, least",
        paper,
        ">=",
        1,
        adaptive ? "c = 1/90" : "c = 1/1400",
      ),
    ],
    fits,
    figure: {
      title: adaptive ? "Adaptive learners: responses needed" : "Responses that the best learner needs",
      x: { label: "1/ε", log: true },
      y: { label: "m (responses drawn)", log: true },
      series: [...figureSeries(byEpsilon[0], 1, adaptive), ...figureSeries(byEpsilon[1], 2, adaptive)],
      caption: `Hard family, d = 8, C = 4: median and 10–90 % of ${sweep.replicates} random members; N at its best of 1 and M/4.`,
    },
    summary: `m ∝ ε^−${fits[0].slope.toFixed(2)} (p = 1), ε^−${fits[1].slope.toFixed(2)} (p = 2), C^${fits[2].slope.toFixed(2)}, (log|Π|)^${fits[3].slope.toFixed(2)}; at least ${explicit.toFixed(2)} of the explicit bound`,
    notes: [
      "The posterior is exact, so the learner is the best there is against the uniform prior, and what it cannot do no one can.",
      "The explicit bound holds for success probability 1/2, which is why the median is compared.",
    ],
  });
}

const family =
  "Thm 3.1′'s hard family, γ = 1/2, Δ = 16ε; ε over two decades, C from 8 to 800, d from 16 to 512; random I";

/** Theorem 3.1 / 3.1′. */
export const thm31: Row = {
  id: "thm-3.1",
  title: "Theorem 3.1 / 3.1′",
  statement:
    "Any sample-and-evaluate learner needs m ≥ c·C_cov,γ,p·log|Π| / (ε^{1+1/p}(1 + log(C ε^{−1/p}))), c = 1/1400.",
  source: ["Theorem 3.1", "Theorem 3.1′", "Definition 3.2", "Definition F.1"],
  file: "src/theory/rows/lower-bounds.ts",
  family,
  limits: "one family, at finite ε; the constant is ours and the log factor lies within the fit's tolerance",
  mutations: [
    { id: "leak", description: "the learner is told I" },
    { id: "ignores", description: "the learner looks at no response" },
    { id: "adaptive", description: "the learner chooses its draws on the fly, against Def. 3.2" },
  ],
  run: (options) => run(false, options),
};

/** Theorem D.2. */
export const thmD2: Row = {
  id: "thm-d.2",
  title: "Theorem D.2",
  statement: "Any adaptive learner needs m ≥ c·C_cov,γ,p·log|Π| / (ε^{1/p}(1 + log(C ε^{−1/p}))), c = 1/90.",
  source: ["Theorem D.2", "Definition D.1", "Definition F.1"],
  file: "src/theory/rows/lower-bounds.ts",
  family,
  limits: "one family, at finite ε; the constant is ours and the log factor lies within the fit's tolerance",
  mutations: [
    { id: "leak", description: "the learner is told I" },
    { id: "ignores", description: "the learner looks at no response" },
    { id: "fixed", description: "a fixed N: the adaptive rate is out of its reach" },
  ],
  run: (options) => run(true, options),
};
