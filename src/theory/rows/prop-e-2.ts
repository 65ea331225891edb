import { randomStream, type RandomStream } from "../../core/random.js";
import { linearSoftmaxClass } from "../../policy/linear-softmax.js";
import type { DifferentiablePolicy } from "../../policy/differentiable.js";
import { fit, sftObjective } from "../../sharpen/objectives/index.js";
import { bestOfNLaw } from "../laws.js";
import { nearArgmax } from "../quantities.js";
import {
  byEffort,
  compare,
  rowResult,
  type Figure,
  type Row,
  type RowOptions,
  type RowResult,
} from "../row.js";

/**
 * The H = d = 2 class over V = [n] as a softmax class over "prompts": 0 the first token, i the second after token i.
 * φ_1(1) = φ_1(2) = e_1, φ_1(i ≥ 3) = e_2; φ_2(2, 1) = e_1, φ_2(2, j ≠ 1) = e_2, φ_2(i ≠ 2, ·) = 0. θ = (θ_1, θ_2).
 */
function twoSteps(n: number, rich: boolean): DifferentiablePolicy {
  const dimension = rich ? 5 : 4;
  const row = (index: number): number[] => Array.from({ length: dimension }, (_, k) => (k === index ? 1 : 0));
  const first = Array.from({ length: n }, (_, i) => row(rich && i === 1 ? 4 : i < 2 ? 0 : 1)).flat();
  const afterTwo = Array.from({ length: n }, (_, j) => row(j === 0 ? 2 : 3)).flat();
  const other = new Float64Array(n * dimension);
  const tables = Array.from({ length: n }, (_, i) => (i === 1 ? Float64Array.from(afterTwo) : other));
  return linearSoftmaxClass([Float64Array.from(first), ...tables], dimension);
}

/** π_θ over V², lexicographic. */
function joint(policy: DifferentiablePolicy, theta: Float64Array, n: number): Float64Array {
  const first = policy.logProbs(theta, 0);
  const row = new Float64Array(n * n);
  first.forEach((value, i) => {
    policy.logProbs(theta, i + 1).forEach((second, j) => (row[i * n + j] = Math.exp(value + second)));
  });
  return row;
}

/** What is found at one n. */
interface Found {
  readonly n: number;
  /** The largest π_θ(y*) that the search found in the class. */
  readonly mass: number;
  /** π_base(y*) of the strongest base. */
  readonly base: number;
  /** Bases whose argmax is not y* alone. */
  readonly notArgmax: number;
  /** The least π_BoN(y*). */
  readonly inference: number;
}

/** The three bases of one n: where their argmax is, and what best-of-N makes of it. @param star y*. */
function measureBases(policy: DifferentiablePolicy, n: number, star: number, strength: number) {
  let notArgmax = 0;
  let inference = 1;
  let base = 0;
  for (const scale of [1, 2, 4]) {
    const theta = new Float64Array(policy.size);
    theta[0] = theta[2] = scale * strength;
    if (policy.size > 4) theta[4] = scale * strength;
    const row = joint(policy, theta, n);
    const top = nearArgmax(row);
    if (top.length !== 1 || top[0] !== star) notArgmax++;
    base = row[star]!;
    inference = Math.min(inference, bestOfNLaw(row, Math.ceil(Math.log(100) / base))[star]!);
  }
  return { base, notArgmax, inference };
}

/** SFT on the sharpened policy itself (all its data on y*): the class's best try, from many starts. */
function searchClass(
  policy: DifferentiablePolicy,
  n: number,
  star: number,
  starts: number,
  stream: RandomStream,
): number {
  const cells = [1, 2].map((step) => ({ prompt: step === 1 ? 0 : 2, response: step === 1 ? 1 : 0 }));
  let mass = 0;
  for (let start = 0; start < starts; start++) {
    const theta = Float64Array.from({ length: policy.size }, () => 3 * stream.normal());
    const fitted = fit(policy, theta, sftObjective(2), cells, { steps: 300 });
    mass = Math.max(mass, joint(policy, theta, n)[star]!, joint(policy, fitted.theta, n)[star]!);
  }
  return mass;
}

function figure(found: readonly Found[]): Figure {
  return {
    title: "The most that the class can put on y*",
    x: { label: "n = |V|", log: true },
    y: { label: "π(y*)" },
    series: [
      {
        name: "best in the class",
        kind: "measured",
        points: found.map(({ n, mass }) => ({ x: n, y: mass })),
      },
      {
        name: "base (B = 4·log n)",
        kind: "reference",
        points: found.map(({ n, base }) => ({ x: n, y: base })),
      },
      { name: "1/2", kind: "bound", points: found.map(({ n }) => ({ x: n, y: 0.5 })) },
    ],
    caption:
      "Inference-time best-of-N returns y* here all the same; only amortizing it into this class is impossible.",
  };
}

function run({ effort, seed, mutation }: RowOptions): RowResult {
  const sizes = byEffort(effort, {
    test: [3, 5, 12],
    fast: [3, 5, 10, 30, 100],
    thorough: [3, 5, 10, 30, 100, 300],
  });
  const starts = byEffort(effort, { test: 5, fast: 20, thorough: 200 });
  const stream = randomStream(seed, "prop-e.2");
  const found = sizes.map((n): Found => {
    const policy = twoSteps(n, mutation === "rich-features");
    const star = n; // the response (2, 1) in lexicographic order
    const strength = (mutation === "no-strength" ? 0 : 1) * Math.log(n);
    const bases = measureBases(policy, n, star, strength);
    return { n, ...bases, mass: searchClass(policy, n, star, starts, stream) };
  });
  const notArgmax = found.reduce((sum, each) => sum + each.notArgmax, 0);
  const inference = Math.min(...found.map((each) => each.inference));
  const most = Math.max(...found.map(({ mass }) => mass));
  const least = Math.min(...found.map(({ mass }) => mass));
  return rowResult({
    instances: sizes.length * 3,
    checks: [
      compare("bases whose argmax is not (2, 1) alone", notArgmax, "<=", 0, "B ∈ {1, 2, 4}·log n"),
      compare(
        "largest π_θ(y*) found in the class",
        most,
        "<=",
        0.5,
        "1/2, since π_θ(2) = π_θ(1) for the first token",
      ),
      compare(
        "the same at the worst n: 1/2 is approached",
        least,
        ">=",
        0.49,
        "0.49: the search did not stop short",
      ),
      compare(
        "best-of-N on the base, π_BoN(y*)",
        inference,
        ">=",
        0.99,
        "N = ⌈log(100)/π_base(y*)⌉ (Prop. C.1)",
      ),
    ],
    fits: [],
    figure: figure(found),
    summary: `the class reaches π(y*) = ${most.toFixed(4)} and no more; best-of-N on the base ${inference.toFixed(3)}`,
    notes: [
      "The upper bound is proved by π_θ(2) = π_θ(1); the search shows that it is met and not exceeded.",
    ],
  });
}

/** Proposition E.2. */
export const propE2: Row = {
  id: "prop-e.2",
  title: "Proposition E.2",
  statement:
    "A class that contains π_base need not contain its sharpened policy: here π_θ(y*) ≤ 1/2 for every θ.",
  source: ["Proposition E.2"],
  file: "src/theory/rows/prop-e-2.ts",
  family: "H = d = 2, V = [n] for n from 3 to 100, θ_1 = θ_2 = B·e_1 with B = log n, 2 log n, 4 log n",
  limits: "the supremum over θ is searched (random starts, L-BFGS), not proved, by the program",
  mutations: [
    { id: "rich-features", description: "a feature of its own for the first token 2" },
    { id: "no-strength", description: "B = 0" },
  ],
  run,
};
