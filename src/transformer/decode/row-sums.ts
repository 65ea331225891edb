import { concat, expand, reduceSum, type Value } from "../../graph/index.js";

/** Floats that a vector of any processor's kernels is aligned to at least. */
const ALIGNED = 4;

/**
 * The sum of each row, [n, 1], rounded alike wherever the row stands: ONNX Runtime adds the elements before the first whole vector by themselves,
 * and how many these are depends on where a row begins, so that a length that is no multiple of 4 is filled up with zeros.
 */
export function rowSums(x: Value): Value {
  const over = (x.shape[1] as number) % ALIGNED;
  return reduceSum(over === 0 ? x : padRight(x, ALIGNED - over), [-1], { keepDims: true });
}

/** Rows [n, k] with so many zeros behind each. */
export function padRight(weights: Value, extra: number): Value {
  const zeros = expand(weights.graph.constant([0], [1, 1]), [weights.shape[0]!, extra]);
  return concat([weights, zeros], 1);
}
