/**
 * softmax(scores / β): the self-normalized importance weights of π*_β ∝ π_base·exp(r/β) (paper eq. 3) on draws of π_base at
 * temperature 1. Scores of −∞ get 0, unless all are.
 * @param scores r(y_i|x) of one prompt's draws. @param beta > 0, in units of the reward. @returns weights that sum to 1.
 */
export function tiltWeights(scores: ArrayLike<number>, beta: number): Float64Array {
  const { length } = scores;
  const weights = new Float64Array(length);
  let top = -Infinity;
  for (let i = 0; i < length; i++) top = Math.max(top, scores[i]!);
  if (top === -Infinity) return weights.fill(1 / length);
  let sum = 0;
  for (let i = 0; i < length; i++) {
    weights[i] = scores[i] === top ? 1 : Math.exp((scores[i]! - top) / beta);
    sum += weights[i]!;
  }
  for (let i = 0; i < length; i++) weights[i]! /= sum;
  return weights;
}
