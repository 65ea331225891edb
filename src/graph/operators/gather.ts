import { GraphError } from "../../core/errors.js";
import { formatShape, sameShape, sizeOf } from "../dim.js";
import type { Value } from "../graph.js";
import { mul } from "./elementwise.js";
import { normalizeAxis, reduceSum } from "./reduce.js";
import { expand, reshape } from "./shape.js";

function requireIndices(operator: string, indices: Value): void {
  if (indices.type !== "int64" && indices.type !== "int32") {
    throw new GraphError(`${operator}: indices must be int32 or int64, got ${indices.type}.`);
  }
}

/** Requires x's shape of the indices, but along the axis. */
function requireAlong(operator: string, x: Value, indices: Value, at: number): void {
  const fits =
    indices.shape.length === x.shape.length &&
    indices.shape.every((dim, i) => i === at || dim === x.shape[i]);
  if (!fits) {
    throw new GraphError(
      `${operator}: indices ${formatShape(indices.shape)} do not fit ${formatShape(x.shape)} along axis ${at}.`,
    );
  }
}

/** x taken at `indices` along an axis: shape x[:axis] + indices + x[axis+1:]. */
export function gather(x: Value, indices: Value, axis = 0): Value {
  requireIndices("Gather", indices);
  const at = normalizeAxis("Gather", axis, x.shape);
  const shape = [...x.shape.slice(0, at), ...indices.shape, ...x.shape.slice(at + 1)];
  return x.graph.node("Gather", [x, indices], [{ type: x.type, shape }], {
    axis: { kind: "int", value: at },
  })[0]!;
}

/** result[…i…] = x[…indices[…i…]…] along an axis; `indices` has x's shape but along that axis. */
export function gatherElements(x: Value, indices: Value, axis: number): Value {
  requireIndices("GatherElements", indices);
  const at = normalizeAxis("GatherElements", axis, x.shape);
  requireAlong("GatherElements", x, indices, at);
  return x.graph.node("GatherElements", [x, indices], [{ type: x.type, shape: indices.shape }], {
    axis: { kind: "int", value: at },
  })[0]!;
}

/** x with `updates` added at `indices` along an axis (repeated indices add up). */
export function scatterElementsAdd(x: Value, indices: Value, updates: Value, axis: number): Value {
  requireIndices("ScatterElements", indices);
  const at = normalizeAxis("ScatterElements", axis, x.shape);
  if (!sameShape(indices.shape, updates.shape)) {
    throw new GraphError(
      `ScatterElements: indices ${formatShape(indices.shape)} and updates ${formatShape(updates.shape)} differ.`,
    );
  }
  requireAlong("ScatterElements", x, indices, at);
  return x.graph.node("ScatterElements", [x, indices, updates], [{ type: x.type, shape: x.shape }], {
    axis: { kind: "int", value: at },
    reduction: { kind: "string", value: "add" },
  })[0]!;
}

/**
 * Slices of x at index tuples: `indices` is int64 […, k] and addresses the k axes after the first `batchDims`;
 * shape indices[:-1] + x[batchDims + k:].
 */
export function gatherND(x: Value, indices: Value, batchDims = 0): Value {
  if (indices.type !== "int64") throw new GraphError(`GatherND: indices must be int64, got ${indices.type}.`);
  const depth = indices.shape.at(-1);
  if (typeof depth !== "number" || batchDims + depth > x.shape.length) {
    throw new GraphError(
      `GatherND: indices ${formatShape(indices.shape)} do not address ${formatShape(x.shape)} after ${batchDims} batch axes.`,
    );
  }
  if (!sameShape(indices.shape.slice(0, batchDims), x.shape.slice(0, batchDims))) {
    throw new GraphError(
      `GatherND: batch axes of ${formatShape(indices.shape)} and ${formatShape(x.shape)} differ.`,
    );
  }
  const shape = [...indices.shape.slice(0, -1), ...x.shape.slice(batchDims + depth)];
  return x.graph.node("GatherND", [x, indices], [{ type: x.type, shape }], {
    batch_dims: { kind: "int", value: batchDims },
  })[0]!;
}

/**
 * x with `updates` added at the index tuples `indices` (int64 […, k]); repeated tuples add up, in their order, so that
 * the sum is the same to the bit at every run.
 *
 * It is built from ScatterElements: ONNX Runtime's ScatterND adds from several threads without a lock and loses
 * updates of repeated tuples.
 */
export function scatterNDAdd(x: Value, indices: Value, updates: Value): Value {
  const depth = indices.shape.at(-1);
  if (indices.type !== "int64" || typeof depth !== "number" || depth < 1 || depth > x.shape.length) {
    throw new GraphError(
      `ScatterND: indices ${indices.type}${formatShape(indices.shape)} do not address ${formatShape(x.shape)}: they ` +
        `must be int64 with a fixed last dimension of at most its rank.`,
    );
  }
  const wanted = [...indices.shape.slice(0, -1), ...x.shape.slice(depth)];
  if (!sameShape(wanted, updates.shape)) {
    throw new GraphError(
      `ScatterND: updates ${formatShape(updates.shape)} do not fit, indices ${formatShape(indices.shape)} into ` +
        `${formatShape(x.shape)} take ${formatShape(wanted)}.`,
    );
  }
  const width = sizeOf(x.shape.slice(depth));
  const count = sizeOf(indices.shape.slice(0, -1));
  const rows = expand(reshape(flatRows(x, indices, depth), [count, 1]), [count, width]);
  const table = reshape(x, [sizeOf(x.shape.slice(0, depth)), width]);
  return reshape(scatterElementsAdd(table, rows, reshape(updates, [count, width]), 0), x.shape);
}

/** Index tuples as row numbers of x with its first `depth` axes made one. */
function flatRows(x: Value, indices: Value, depth: number): Value {
  if (depth === 1) return indices;
  const sizes = x.shape.slice(0, depth);
  const strides = sizes.map((_, i) => sizeOf(sizes.slice(i + 1)));
  // The remainder takes the divisor's sign: it turns indices from the end into plain ones.
  const [plain] = x.graph.node(
    "Mod",
    [indices, x.graph.shapeTensor(sizes)],
    [{ type: "int64", shape: indices.shape }],
  );
  return reduceSum(mul(plain!, x.graph.shapeTensor(strides)), [-1]);
}
