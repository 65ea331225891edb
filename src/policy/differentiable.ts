/**
 * A policy over finitely many prompts and responses whose log-probabilities can be differentiated exactly. Prompts and
 * responses are numbered from 0. An `Objective` (sharpen/objectives) gives ∂loss/∂log π(y|x); this gives the rest of
 * the chain rule, so that one objective code serves tabular, linear-softmax and transformer policies alike.
 */
export interface DifferentiablePolicy {
  /** Number of parameters. */
  readonly size: number;
  /** Number of prompts. */
  readonly prompts: number;
  /** log π_θ(· | x) in nats over the responses to prompt `x`. */
  logProbs(theta: Float64Array, x: number): Float64Array;
  /** Adds Σ_y coefficients[y]·∇_θ log π_θ(y | x) to `gradient`. */
  addGradient(theta: Float64Array, x: number, coefficients: Float64Array, gradient: Float64Array): void;
}

/** log Σ exp of the values, without overflow; −∞ for none. */
function logSumExp(values: Float64Array): number {
  let top = -Infinity;
  for (let i = 0; i < values.length; i++) if (values[i]! > top) top = values[i]!;
  if (top === -Infinity) return top;
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i]! - top);
  return top + Math.log(sum);
}

/** Log-probabilities of softmax(logits), in a new array; large common offsets cost no precision. */
export function logSoftmax(logits: Float64Array): Float64Array {
  let top = -Infinity;
  for (let i = 0; i < logits.length; i++) if (logits[i]! > top) top = logits[i]!;
  const shifted = logits.map((value) => value - top);
  const total = logSumExp(shifted);
  return shifted.map((value) => value - total);
}
