import { GraphError } from "../../core/errors.js";
import {
  addDims,
  broadcastShapes,
  divideDims,
  formatShape,
  multiplyDims,
  sameShape,
  sizeOf,
  type Dim,
  type Shape,
} from "../dim.js";
import type { Value } from "../graph.js";
import { normalizeAxis } from "./reduce.js";

/**
 * The same elements in another shape. One dimension may be −1: it is worked out from the rest.
 * @throws GraphError when the numbers of elements differ.
 */
export function reshape(x: Value, shape: Shape): Value {
  const fixed = shape.filter((dim) => dim !== -1);
  let target = shape;
  if (fixed.length < shape.length) {
    const rest = divideDims(sizeOf(x.shape), multiplyDims(...fixed));
    if (rest === undefined || fixed.length !== shape.length - 1) {
      throw new GraphError(`Reshape: ${formatShape(x.shape)} does not fit ${formatShape(shape)}.`);
    }
    target = shape.map((dim) => (dim === -1 ? rest : dim));
  }
  if (sizeOf(target) !== sizeOf(x.shape)) {
    throw new GraphError(
      `Reshape: ${formatShape(x.shape)} has another number of elements than ${formatShape(target)}.`,
    );
  }
  if (sameShape(target, x.shape)) return x;
  // ONNX reads 0 as "the input's dimension in this place" and -1 as "the rest": no run-time arithmetic is needed then.
  const dims = target.map((dim, i) => (typeof dim === "string" && dim === x.shape[i] ? 0 : dim));
  const open = dims.filter((dim) => typeof dim === "string").length;
  const constant = open <= 1 && !target.includes(0);
  const sizes = constant
    ? x.graph.integers(dims.map((dim) => (typeof dim === "string" ? -1 : dim)))
    : x.graph.shapeTensor(target);
  return x.graph.node("Reshape", [x, sizes], [{ type: x.type, shape: target }], {
    // Sizes that are written out may be 0 themselves: an empty tensor.
    allowzero: { kind: "int", value: constant ? 0 : 1 },
  })[0]!;
}

/** Axes in another order: axis i of the result is axis `permutation[i]` of x. */
export function transpose(x: Value, permutation: readonly number[]): Value {
  if (
    [...permutation].sort((a, b) => a - b).some((axis, i) => axis !== i) ||
    permutation.length !== x.shape.length
  ) {
    throw new GraphError(
      `Transpose: ${formatShape(permutation)} is not a permutation of the axes of ${formatShape(x.shape)}.`,
    );
  }
  return x.graph.node(
    "Transpose",
    [x],
    [{ type: x.type, shape: permutation.map((axis) => x.shape[axis]!) }],
    {
      perm: { kind: "ints", value: permutation },
    },
  )[0]!;
}

/** x repeated along its axes of size 1 (and new leading axes) to `shape`. */
export function expand(x: Value, shape: Shape): Value {
  const full = broadcastShapes("Expand", x.shape, shape);
  if (!sameShape(full, shape))
    throw new GraphError(`Expand: ${formatShape(x.shape)} does not expand to ${formatShape(shape)}.`);
  if (sameShape(x.shape, shape)) return x;
  return x.graph.node("Expand", [x, x.graph.shapeTensor(shape)], [{ type: x.type, shape }])[0]!;
}

/** Tensors joined along an axis; the other dimensions must be equal. */
export function concat(values: readonly Value[], axis: number): Value {
  const first = values[0];
  if (!first) throw new GraphError("Concat: needs at least one value.");
  const at = normalizeAxis("Concat", axis, first.shape);
  for (const value of values) {
    const fits =
      value.shape.length === first.shape.length &&
      value.shape.every((dim, i) => i === at || dim === first.shape[i]);
    if (!fits || value.type !== first.type) {
      throw new GraphError(
        `Concat: ${first.type}${formatShape(first.shape)} and ${value.type}${formatShape(value.shape)} do not join along axis ${at}.`,
      );
    }
  }
  const shape = first.shape.map((dim, i) =>
    i === at ? addDims(...values.map((value) => value.shape[at]!)) : dim,
  );
  return first.graph.node("Concat", values, [{ type: first.type, shape }], {
    axis: { kind: "int", value: at },
  })[0]!;
}

/** x cut along an axis into pieces of the given sizes, which must add up to its size. */
export function split(x: Value, sizes: readonly Dim[], axis: number): Value[] {
  const at = normalizeAxis("Split", axis, x.shape);
  if (addDims(...sizes) !== x.shape[at]) {
    throw new GraphError(
      `Split: sizes ${formatShape(sizes)} do not add up to axis ${at} of ${formatShape(x.shape)}.`,
    );
  }
  const outputs = sizes.map((size) => ({
    type: x.type,
    shape: x.shape.map((dim, i) => (i === at ? size : dim)),
  }));
  return x.graph.node("Split", [x, x.graph.shapeTensor(sizes)], outputs, {
    axis: { kind: "int", value: at },
  });
}

/** x[…, start:end, …] along one axis with numeric bounds, 0 ≤ start < end; `end` may be a dimension. */
export function slice(x: Value, axis: number, start: number, end: Dim): Value {
  const at = normalizeAxis("Slice", axis, x.shape);
  const size = x.shape[at]!;
  const length = addDims(end, -start);
  if (
    start < 0 ||
    (typeof length === "number" && length <= 0) ||
    (typeof size === "number" && typeof end === "number" && end > size)
  ) {
    throw new GraphError(`Slice: ${start}:${end} is not within axis ${at} of ${formatShape(x.shape)}.`);
  }
  const shape = x.shape.map((dim, i) => (i === at ? length : dim));
  const graph = x.graph;
  return graph.node(
    "Slice",
    [x, graph.integers([start]), graph.sizeTensor(end), graph.integers([at])],
    [{ type: x.type, shape }],
  )[0]!;
}

/** The scalar `value` in every place of a shape. */
export function full(like: Value, value: number, shape: Shape): Value {
  return expand(like.graph.constant(value), shape);
}
