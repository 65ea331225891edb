import type { DifferentiablePolicy } from "../../policy/differentiable.js";
import type { Objective } from "./objective.js";

/** Which cell of an enumerable policy a sequence of the objective is. */
export interface Cell {
  readonly prompt: number;
  readonly response: number;
}

/** A loss and its gradient with respect to the parameters θ. */
export interface ParameterLoss {
  readonly loss: number;
  readonly gradient: Float64Array;
}

/**
 * The objective as a function of θ, by the chain rule through the cells' log-probabilities; exact.
 * @param cells one for each sequence of the objective.
 */
export function parameterLoss(
  policy: DifferentiablePolicy,
  theta: Float64Array,
  objective: Objective,
  cells: readonly Cell[],
): ParameterLoss {
  const rows = new Map<number, Float64Array>();
  for (const { prompt } of cells) if (!rows.has(prompt)) rows.set(prompt, policy.logProbs(theta, prompt));
  const { loss, gradient: outer } = objective.evaluate(
    cells.map((cell) => rows.get(cell.prompt)![cell.response]!),
  );
  const gradient = new Float64Array(policy.size);
  for (const [prompt, row] of rows) {
    const coefficients = new Float64Array(row.length);
    cells.forEach((cell, i) => {
      if (cell.prompt === prompt) coefficients[cell.response]! += outer[i]!;
    });
    policy.addGradient(theta, prompt, coefficients, gradient);
  }
  return { loss, gradient };
}

/** How far `fit` goes. */
export interface FitOptions {
  /** Most L-BFGS steps; 500 by default. */
  readonly steps?: number;
  /** Stops when the largest component of the gradient is below it; 1e-12 by default. */
  readonly tolerance?: number;
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

/** The L-BFGS two-loop recursion: −H·g from the last few steps s and gradient changes y. */
function direction(
  gradient: Float64Array,
  memory: readonly (readonly [Float64Array, Float64Array])[],
): Float64Array {
  const q = gradient.slice();
  const factors: number[] = [];
  for (const [s, y] of [...memory].reverse()) {
    const factor = dot(s, q) / dot(s, y);
    factors.push(factor);
    q.forEach((_, i) => (q[i]! -= factor * y[i]!));
  }
  const last = memory[memory.length - 1];
  const scale = last === undefined ? 1 : dot(last[0], last[1]) / dot(last[1], last[1]);
  q.forEach((_, i) => (q[i]! *= scale));
  memory.forEach(([s, y], k) => {
    const correction = factors[factors.length - 1 - k]! - dot(y, q) / dot(s, y);
    q.forEach((_, i) => (q[i]! += correction * s[i]!));
  });
  return q.map((value) => -value);
}

/**
 * Minimizes an objective over an enumerable policy's parameters by L-BFGS (10 pairs, Armijo backtracking), from `theta`.
 * @returns the parameters and the loss reached; the input is left as it is.
 */
export function fit(
  policy: DifferentiablePolicy,
  theta: Float64Array,
  objective: Objective,
  cells: readonly Cell[],
  { steps = 500, tolerance = 1e-12 }: FitOptions = {},
): { readonly theta: Float64Array; readonly loss: number } {
  let point = theta.slice();
  let here = parameterLoss(policy, point, objective, cells);
  const memory: [Float64Array, Float64Array][] = [];
  for (let step = 0; step < steps; step++) {
    if (here.gradient.every((value) => Math.abs(value) < tolerance)) break;
    let move = direction(here.gradient, memory);
    if (dot(move, here.gradient) >= 0) {
      memory.length = 0;
      move = here.gradient.map((value) => -value);
    }
    const slope = dot(move, here.gradient);
    let size = 1;
    let next = here;
    let candidate = point;
    for (; size > 1e-20; size /= 2) {
      candidate = point.map((value, i) => value + size * move[i]!);
      next = parameterLoss(policy, candidate, objective, cells);
      if (next.loss <= here.loss + 1e-4 * size * slope) break;
    }
    if (!(next.loss <= here.loss) || size <= 1e-20) break;
    const s = candidate.map((value, i) => value - point[i]!);
    const y = next.gradient.map((value, i) => value - here.gradient[i]!);
    if (dot(s, y) > 1e-300) memory.push([s, y]);
    if (memory.length > 10) memory.shift();
    point = candidate;
    here = next;
  }
  return { theta: point, loss: here.loss };
}
