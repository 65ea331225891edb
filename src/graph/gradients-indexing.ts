import { addDims, multiplyDims, type Dim } from "./dim.js";
import type { Value } from "./graph.js";
import { cast, sub } from "./operators/elementwise.js";
import { scatterNDAdd } from "./operators/gather.js";
import { cumSum } from "./operators/reduce.js";
import { concat, expand, full, reshape, transpose } from "./operators/shape.js";

/** The gradient of x in Gather along an axis: each slice of g is added where it came from. */
export function gatherGradient(x: Value, indices: Value, axis: number, g: Value): Value {
  const flat = reshape(cast(indices, "int64"), [-1, 1]);
  // Bring the axis to the front, add each slice where it came from, and bring the axis back.
  const rank = x.shape.length;
  const order = [axis, ...Array.from({ length: rank }, (_, i) => i).filter((i) => i !== axis)];
  const depth = indices.shape.length;
  const gOrder = [
    ...Array.from({ length: depth }, (_, i) => axis + i),
    ...Array.from({ length: g.shape.length }, (_, i) => i).filter((i) => i < axis || i >= axis + depth),
  ];
  const moved = axis === 0 ? g : transpose(g, gOrder);
  const front = order.map((i) => x.shape[i]!);
  const slices = reshape(moved, [multiplyDims(...indices.shape), ...front.slice(1)]);
  const sum = scatterNDAdd(full(g, 0, front), flat, slices);
  if (axis === 0) return sum;
  return transpose(
    sum,
    order.map((_, i) => order.indexOf(i)),
  );
}

/** A gradient g of part of x, with zeros before and after it along the axis. */
export function padBack(x: Value, g: Value, axis: number, start: number): Value {
  const size = x.shape[axis]!;
  const length = g.shape[axis]!;
  const zeros = (dim: Dim): Value =>
    full(
      g,
      0,
      x.shape.map((d, i) => (i === axis ? dim : d)),
    );
  const pieces: Value[] = [];
  if (start > 0) pieces.push(zeros(start));
  pieces.push(g);
  const rest = addDims(size, multiplyDims(-1, length), -start);
  if (rest !== 0) pieces.push(zeros(rest));
  return pieces.length === 1 ? g : concat(pieces, axis);
}

/** GatherND's indices with the batch position written out in front, as ScatterND wants them. */
export function batchedIndices(x: Value, indices: Value, batchDims: number): Value {
  let result = indices;
  for (let axis = batchDims - 1; axis >= 0; axis--) {
    const ones = full(x, 1, [x.shape[axis]!]);
    const positions = cast(sub(cumSum(ones, 0), 1), "int64");
    const shape = indices.shape.map((_, i) => (i === axis ? x.shape[axis]! : 1));
    const column = expand(reshape(positions, shape.slice(0, -1).concat(1)), [
      ...indices.shape.slice(0, -1),
      1,
    ]);
    result = concat([column, result], -1);
  }
  return result;
}
