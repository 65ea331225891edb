import { randomStream, type RandomStream } from "../../core/random.js";
import { categorical, multinomial } from "../draws.js";
import { randomRow, type Instance, type Rows } from "../instance.js";
import { overPrompts } from "../quantities.js";
import { byEffort, compare, rowResult, type Row, type RowOptions, type RowResult } from "../row.js";
import { lowerLimit, quantile } from "../statistics.js";

const rho = 0.05;
const classSize = 16;

/** E_x[D_H²(π(·|x), π′(·|x))], D_H² = Σ(√p − √q)². */
function hellinger(instance: Instance, policy: Rows): number {
  return overPrompts(instance, (x, truth) =>
    truth.reduce((sum, p, y) => sum + (Math.sqrt(p) - Math.sqrt(policy[x]![y]!)) ** 2, 0),
  );
}

/** A truth and fifteen policies at all distances from it, in random order. */
function makeClass(stream: RandomStream): { instance: Instance; candidates: Rows[] } {
  const truth = Array.from({ length: 3 }, () => randomRow(6, 2, stream));
  const others = Array.from({ length: classSize - 1 }, (_, k) => {
    const share = 0.6 ** k;
    return truth.map((row) => {
      const other = randomRow(6, 2, stream);
      return row.map((p, y) => (1 - share) * p + share * other[y]!);
    });
  });
  const instance = { weights: randomRow(3, 1, stream), base: truth };
  return { instance, candidates: stream.shuffle([truth, ...others]) };
}

/** argmax_π Σ log π(y|x) over n draws from the truth. */
function fit(
  { instance, candidates }: ReturnType<typeof makeClass>,
  n: number,
  mutation: string | undefined,
  stream: RandomStream,
): Rows {
  const counts = multinomial(categorical(instance.weights), n, stream).flatMap(([x, times]) =>
    multinomial(categorical(instance.base[x]!), times, stream).map(([y, count]) => [x, y, count] as const),
  );
  const value = (rows: Rows): number =>
    counts.reduce((sum, [x, y, count]) => sum + count * Math.log(rows[x]![y]!), 0);
  const sign = mutation === "least" ? -1 : 1;
  if (mutation === "ignores") return candidates[0]!;
  return candidates.reduce((best, other) => (sign * value(other) > sign * value(best) ? other : best));
}

function run({ effort, seed, mutation }: RowOptions): RowResult {
  const stream = randomStream(seed, "lemma-f.1");
  const trials = byEffort(effort, { test: 150, fast: 1500, thorough: 20000 });
  const sizes = [30, 100, 300, 1000, 3000];
  const curves = sizes.map((n) => {
    const bound = (2 * Math.log(classSize / rho)) / n;
    const runs = Array.from({ length: trials }, () => {
      const drawn = makeClass(stream);
      const most = Math.max(...drawn.candidates.map((rows) => hellinger(drawn.instance, rows)));
      return { distance: hellinger(drawn.instance, fit(drawn, n, mutation, stream)), most };
    });
    const exceeded = runs.filter(({ distance }) => distance > bound).length;
    return {
      n,
      bound,
      upper: quantile(
        runs.map(({ distance }) => distance),
        1 - rho,
      ),
      low: lowerLimit(exceeded, trials, 1e-6),
      could: lowerLimit(runs.filter(({ most }) => most > bound).length, trials, 1e-6),
    };
  });
  const ratio = Math.max(...curves.map(({ upper, bound }) => upper / bound));
  return rowResult({
    instances: sizes.length * trials,
    checks: [
      compare(
        "lower limit (risk 1e-6) of how often the distance exceeds its bound, largest",
        Math.max(...curves.map(({ low }) => low)),
        "<=",
        rho,
        "2·log(|Π|/ρ)/n, ρ = 0.05, |Π| = 16",
        Math.max(...curves.map(({ could }) => could)),
      ),
    ],
    fits: [],
    figure: {
      title: "Maximum likelihood's distance from the truth",
      x: { label: "n", log: true },
      y: { label: "E_x[D_H²], 95 % quantile", log: true },
      series: [
        {
          name: "maximum likelihood",
          kind: "measured",
          points: curves.filter(({ upper }) => upper > 0).map(({ n, upper }) => ({ x: n, y: upper })),
        },
        { name: "2·log(|Π|/ρ)/n", kind: "bound", points: curves.map(({ n, bound }) => ({ x: n, y: bound })) },
      ],
      caption: "Classes of 16 policies at all distances from the truth, 3 prompts of 6 responses.",
    },
    summary: `the 95 % quantile of the squared Hellinger distance is at most ${ratio.toFixed(2)} of 2·log(|Π|/ρ)/n`,
    notes: [],
  });
}

/** Lemma F.1. */
export const lemmaF1: Row = {
  id: "lemma-f.1",
  title: "Lemma F.1",
  statement:
    "Maximum likelihood over a finite class with the truth in it, w.p. ≥ 1−ρ: E_x[D_H²(π̂, π*)] ≤ 2·log(|Π|/ρ)/n.",
  source: ["Lemma F.1"],
  file: "src/theory/rows/lemma-f-1.ts",
  family:
    "3 prompts of 6 responses, classes of 16 that contain the truth and mixtures with it; n from 30 to 3,000",
  limits: "finite classes; the probability of exceeding the bound is estimated from runs",
  mutations: [
    { id: "least", description: "the least likely member of the class" },
    { id: "ignores", description: "any member, whatever was drawn" },
  ],
  run,
};
