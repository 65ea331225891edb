import { GraphError } from "../../core/errors.js";
import { formatShape, type Shape } from "../dim.js";
import type { Value } from "../graph.js";

/** An axis in 0..rank−1 from one that may be negative. @throws GraphError when it is out of range. */
export function normalizeAxis(operator: string, axis: number, shape: Shape): number {
  const normal = axis < 0 ? axis + shape.length : axis;
  if (!Number.isInteger(normal) || normal < 0 || normal >= shape.length) {
    throw new GraphError(`${operator}: axis ${axis} is not an axis of ${formatShape(shape)}.`);
  }
  return normal;
}

export interface ReduceOptions {
  /** Keep the reduced axes with size 1. Default false. */
  readonly keepDims?: boolean;
}

function reduced(
  operator: string,
  x: Value,
  axes: readonly number[] | undefined,
  keepDims: boolean,
): { axes: number[]; shape: Shape } {
  const normal = (axes ?? x.shape.map((_, i) => i)).map((axis) => normalizeAxis(operator, axis, x.shape));
  if (new Set(normal).size !== normal.length)
    throw new GraphError(`${operator}: axes ${normal.join(", ")} repeat.`);
  const shape = x.shape.flatMap((dim, i) => (normal.includes(i) ? (keepDims ? [1] : []) : [dim]));
  return { axes: normal, shape };
}

/** Sum over `axes` (default: all). */
export function reduceSum(
  x: Value,
  axes?: readonly number[],
  { keepDims = false }: ReduceOptions = {},
): Value {
  const result = reduced("ReduceSum", x, axes, keepDims);
  // To ONNX an empty list of axes means all of them.
  if (result.axes.length === 0) return x;
  return x.graph.node(
    "ReduceSum",
    [x, x.graph.integers(result.axes)],
    [{ type: x.type, shape: result.shape }],
    {
      keepdims: { kind: "int", value: keepDims ? 1 : 0 },
    },
  )[0]!;
}

function reduceWithAttribute(
  op: string,
  x: Value,
  axes: readonly number[] | undefined,
  keepDims: boolean,
): Value {
  const result = reduced(op, x, axes, keepDims);
  if (result.axes.length === 0) return x;
  return x.graph.node(op, [x], [{ type: x.type, shape: result.shape }], {
    axes: { kind: "ints", value: result.axes },
    keepdims: { kind: "int", value: keepDims ? 1 : 0 },
  })[0]!;
}

/** Mean over `axes` (default: all). */
export function reduceMean(
  x: Value,
  axes?: readonly number[],
  { keepDims = false }: ReduceOptions = {},
): Value {
  return reduceWithAttribute("ReduceMean", x, axes, keepDims);
}

/** Maximum over `axes` (default: all); tied maxima share the gradient evenly. */
export function reduceMax(
  x: Value,
  axes?: readonly number[],
  { keepDims = false }: ReduceOptions = {},
): Value {
  return reduceWithAttribute("ReduceMax", x, axes, keepDims);
}

/** Running sum along an axis. */
export function cumSum(
  x: Value,
  axis: number,
  { reverse = false }: { readonly reverse?: boolean } = {},
): Value {
  const normal = normalizeAxis("CumSum", axis, x.shape);
  return x.graph.node("CumSum", [x, x.graph.integers(normal)], [{ type: x.type, shape: x.shape }], {
    reverse: { kind: "int", value: reverse ? 1 : 0 },
  })[0]!;
}

/** The lowest index of the maximum along the last axis, int64; no gradient. */
export function argMax(x: Value): Value {
  const axis = normalizeAxis("ArgMax", -1, x.shape);
  const shape = x.shape.slice(0, -1);
  return x.graph.node("ArgMax", [x], [{ type: "int64", shape }], {
    axis: { kind: "int", value: axis },
    keepdims: { kind: "int", value: 0 },
  })[0]!;
}

/**
 * The k largest elements along the last axis, the largest first and of equal ones the lowest index first, with their indices (int64); no
 * gradient. @throws GraphError where the axis has fewer.
 */
export function topK(x: Value, k: number): { readonly values: Value; readonly indices: Value } {
  const axis = normalizeAxis("TopK", -1, x.shape);
  const size = x.shape[axis]!;
  if (!(Number.isInteger(k) && k >= 1 && (typeof size === "string" || k <= size)))
    throw new GraphError(`TopK: there are no ${k} largest along the last axis of ${formatShape(x.shape)}.`);
  const shape = [...x.shape.slice(0, -1), k];
  const [values, indices] = x.graph.node(
    "TopK",
    [x, x.graph.integers([k])],
    [
      { type: x.type, shape },
      { type: "int64", shape },
    ],
    { axis: { kind: "int", value: axis } },
  );
  return { values: values!, indices: indices! };
}

/** Softmax over the last axis. */
export function softmax(x: Value): Value {
  return x.graph.node("Softmax", [x], [{ type: x.type, shape: x.shape }], {
    axis: { kind: "int", value: normalizeAxis("Softmax", -1, x.shape) },
  })[0]!;
}

/** log(softmax(x)) over the last axis. */
export function logSoftmax(x: Value): Value {
  return x.graph.node("LogSoftmax", [x], [{ type: x.type, shape: x.shape }], {
    axis: { kind: "int", value: normalizeAxis("LogSoftmax", -1, x.shape) },
  })[0]!;
}
