import { randomStream, type RandomStream } from "../../core/random.js";
import { byEffort, compare, type Row, type RowOptions, type RowResult } from "../row.js";
import { ratioResult, type RatioCell } from "./ratio-row.js";

/** Σ_t aᵀΓ_{t−1}⁻¹a for A_t = aaᵀ, Γ_0 = λI, by Sherman and Morrison's update of the inverse. */
export function potential(vectors: readonly Float64Array[], lambda: number): number {
  const d = vectors[0]!.length;
  const inverse = Array.from({ length: d }, (_, i) =>
    Float64Array.from({ length: d }, (__, j) => (i === j ? 1 / lambda : 0)),
  );
  let total = 0;
  for (const a of vectors) {
    const moved = inverse.map((row) => row.reduce((sum, value, j) => sum + value * a[j]!, 0));
    const term = a.reduce((sum, value, i) => sum + value * moved[i]!, 0);
    total += term;
    for (let i = 0; i < d; i++)
      for (let j = 0; j < d; j++) inverse[i]![j]! -= (moved[i]! * moved[j]!) / (1 + term);
  }
  return total;
}

/** The printed bound, d·K·log((T+1)K/λ)/(λ·log(1+K/λ)); 0 or less where λ ≥ (T+1)K. */
export function printedPotentialBound(d: number, rounds: number, trace: number, lambda: number): number {
  return (d * trace * Math.log(((rounds + 1) * trace) / lambda)) / (lambda * Math.log1p(trace / lambda));
}

/** Mended for every λ > 0: log(1 + TK/λ) in place of log((T+1)K/λ), since λ_max(Γ_T) ≤ λ + TK and det Γ_0 = λ^d. */
export function potentialBound(d: number, rounds: number, trace: number, lambda: number): number {
  return (d * trace * Math.log1p((rounds * trace) / lambda)) / (lambda * Math.log1p(trace / lambda));
}

/** Vectors of squared length K: the axes in turn, or random directions. */
function sequence(
  d: number,
  rounds: number,
  trace: number,
  turn: boolean,
  stream: RandomStream,
): Float64Array[] {
  return Array.from({ length: rounds }, (_, t) => {
    const a = Float64Array.from({ length: d }, (__, k) => (turn ? Number(k === t % d) : stream.normal()));
    const norm = Math.hypot(...a);
    return a.map((value) => (Math.sqrt(trace) * value) / norm);
  });
}

function run({ effort, seed, mutation }: RowOptions): RowResult {
  const stream = randomStream(seed, "lemma-f.2");
  const repeats = byEffort(effort, { test: 1, fast: 5, thorough: 50 });
  const cells: RatioCell[] = [];
  let printed = 0;
  for (const d of [1, 2, 4, 8])
    for (const rounds of [1, 8, 64])
      for (const scale of [0.01, 0.1, 1, 10, 1000])
        for (let i = 0; i < 2 * repeats; i++) {
          const trace = 0.5 + stream.next();
          const lambda = scale * trace;
          const used = mutation === "trace" ? 2 * trace : trace;
          const measured = potential(sequence(d, rounds, used, i % 2 === 0, stream), lambda);
          const bound = (mutation === "printed" ? printedPotentialBound : potentialBound)(
            d,
            rounds,
            trace,
            lambda,
          );
          // A negative bound is exceeded without limit.
          cells.push({
            x: scale,
            measured,
            bound: bound > 0 ? bound : Number.MIN_VALUE,
            most: (rounds * trace) / lambda,
          });
          if (scale <= 1)
            printed = Math.max(printed, measured / printedPotentialBound(d, rounds, trace, lambda));
        }
  return ratioResult({
    claim: "Σ_t Tr(Γ_{t−1}⁻¹A_t) / (dK·log(1+TK/λ)/(λ·log(1+K/λ)))",
    constants: "constant 1; the paper prints log((T+1)K/λ)",
    cells,
    title: "The elliptic potential against its bound",
    axis: { label: "λ/K", log: true },
    caption: "A_t of rank one and trace K: the axes in turn, or random directions.",
    found: "(attained at d = 1, T = 1)",
    further: [compare("the same over the printed bound, λ ≤ K, largest", printed, "<=", 1, "as printed")],
    notes: [
      "As printed, with log((T+1)K/λ), the lemma is false for large λ: for λ ≥ (T+1)K its right side is not even positive (docs/errata.md).",
    ],
  });
}

/** Lemma F.2, with its range mended. */
export const lemmaF2: Row = {
  id: "lemma-f.2",
  title: "Lemma F.2",
  statement:
    "For positive semi-definite A_t of trace ≤ K and Γ_t = λI + Σ_{i≤t} A_i: Σ_t Tr(Γ_{t−1}⁻¹A_t) ≤ dK·log(1+TK/λ)/(λ·log(1+K/λ)); printed with log((T+1)K/λ), which is no smaller only for λ ≤ K.",
  source: ["Lemma F.2"],
  file: "src/theory/rows/lemma-f-2.ts",
  family:
    "rank-one matrices, the axes in turn and random directions; d from 1 to 8, T from 1 to 64, λ/K from 0.01 to 1,000",
  limits: "nothing is lost: both sides are exact, though the sequences are a sample",
  mutations: [
    { id: "printed", description: "the bound as it is printed, at every λ" },
    { id: "trace", description: "matrices of twice the trace that is claimed" },
  ],
  run,
};
