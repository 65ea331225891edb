import { randomStream, type RandomStream } from "../../core/random.js";
import { logSoftmax } from "../../policy/differentiable.js";
import { byEffort, compare, type Row, type RowOptions, type RowResult } from "../row.js";
import { ratioResult, type RatioCell } from "./ratio-row.js";

/** How many points of the lattice of spacing s in R^d lie within `reach` of the origin. */
function latticeSize(d: number, spacing: number, reach: number): number {
  const count = (left: number, squared: number): number => {
    if (left === 0) return 1;
    let sum = 0;
    const most = Math.floor(Math.sqrt(squared + 1e-12) / spacing);
    for (let k = -most; k <= most; k++) sum += count(left - 1, Math.max(0, squared - (k * spacing) ** 2));
    return sum;
  };
  return count(d, reach * reach);
}

/** Into the ball of radius B, which moves no point away from one inside. */
function project(theta: Float64Array, radius: number): Float64Array {
  const norm = Math.hypot(...theta);
  return norm <= radius ? theta : theta.map((value) => (value * radius) / norm);
}

function linearLogProbs(features: readonly Float64Array[], theta: Float64Array): Float64Array {
  return logSoftmax(
    Float64Array.from(features, (point) => point.reduce((sum, value, k) => sum + value * theta[k]!, 0)),
  );
}

function unitVector(d: number, stream: RandomStream): Float64Array {
  const point = Float64Array.from({ length: d }, () => stream.normal());
  const norm = Math.hypot(...point);
  return point.map((value) => value / norm);
}

/** max_y |log π_θ/π_θ′| for a random θ in the ball and the net's member next to it. */
function distanceToNet(d: number, radius: number, spacing: number, stream: RandomStream): number {
  const features = [...Array.from({ length: 3 }, () => unitVector(d, stream))].flatMap((point) => [
    point,
    point.map((value) => -value),
  ]);
  const theta = unitVector(d, stream).map((value) => value * radius * stream.next() ** (1 / d));
  const member = project(
    theta.map((value) => spacing * Math.round(value / spacing)),
    radius,
  );
  const [own, near] = [linearLogProbs(features, theta), linearLogProbs(features, member)];
  return own.reduce((most, value, y) => Math.max(most, Math.abs(value - near[y]!)), 0);
}

function run({ effort, seed, mutation }: RowOptions): RowResult {
  const stream = randomStream(seed, "lemma-j.4");
  const count = byEffort(effort, { test: 60, fast: 400, thorough: 4000 });
  const scale = mutation === "coarse" ? 3 : mutation === "fine" ? 1 / 4 : 1;
  const cells: RatioCell[] = [];
  let size = 0;
  for (const d of [1, 2, 3])
    for (const radius of [1, 3])
      for (const epsilon of [0.1, 0.3, 1]) {
        // The cells of a lattice of spacing ε/√d have radius ε/2.
        const spacing = (scale * epsilon) / Math.sqrt(d);
        size = Math.max(size, latticeSize(d, spacing, radius + epsilon / 2) / ((6 * radius) / epsilon) ** d);
        for (let i = 0; i < count; i++) {
          const measured = distanceToNet(d, radius, spacing, stream);
          cells.push({ x: epsilon, measured, bound: epsilon, most: 4 * radius });
        }
      }
  return ratioResult({
    claim: "max_y |log π_θ/π_θ′| to the net / ε_disc",
    constants: "a lattice of spacing ε/√d, projected into the ball",
    cells,
    title: "A net of linear softmax policies",
    axis: { label: "ε_disc", log: true },
    caption: "Random θ in balls of radius 1 and 3, d from 1 to 3, random unit features.",
    found: "of ε_disc",
    further: [compare("size of the net / (6B/ε_disc)^d, largest", size, "<=", 1, "constant 6")],
    notes: [
      "For ε_disc > 6B the printed size is below 1, and no net is that small; such an ε_disc is of no use.",
    ],
  });
}

/** Lemma J.4. */
export const lemmaJ4: Row = {
  id: "lemma-j.4",
  title: "Lemma J.4",
  statement:
    "For ε_disc ≤ B the linear softmax policies of norm ≤ B have an ε_disc-net of size at most (6B/ε_disc)^d.",
  source: ["Lemma J.4", "Definition J.2", "Definition J.3"],
  file: "src/theory/rows/lemma-j-4.ts",
  family: "d from 1 to 3, B of 1 and 3, ε_disc from 0.1 to 1; six unit features",
  limits: "the net's size is exact, its distance is measured at random θ",
  mutations: [
    { id: "coarse", description: "a net of three times the spacing" },
    { id: "fine", description: "a net of a quarter of the spacing" },
  ],
  run,
};
