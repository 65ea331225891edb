import { GraphError } from "../../core/errors.js";
import { broadcastShapes, formatShape, sameShape } from "../dim.js";
import type { Value } from "../graph.js";
import { normalizeAxis } from "./reduce.js";

function requireIndices(operator: string, indices: Value): void {
  if (indices.type !== "int64" && indices.type !== "int32") {
    throw new GraphError(`${operator}: indices must be int32 or int64, got ${indices.type}.`);
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
  const fits =
    indices.shape.length === x.shape.length &&
    indices.shape.every((dim, i) => i === at || dim === x.shape[i]);
  if (!fits) {
    throw new GraphError(
      `GatherElements: indices ${formatShape(indices.shape)} do not fit ${formatShape(x.shape)} along axis ${at}.`,
    );
  }
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

/** x with `updates` added at the index tuples `indices` (int64 […, k]); repeated tuples add up. */
export function scatterNDAdd(x: Value, indices: Value, updates: Value): Value {
  const depth = indices.shape.at(-1);
  if (indices.type !== "int64" || typeof depth !== "number") {
    throw new GraphError(
      `ScatterND: indices must be int64 with a fixed last dimension, got ${indices.type}${formatShape(indices.shape)}.`,
    );
  }
  const wanted = [...indices.shape.slice(0, -1), ...x.shape.slice(depth)];
  broadcastShapes("ScatterND", wanted, updates.shape);
  return x.graph.node("ScatterND", [x, indices, updates], [{ type: x.type, shape: x.shape }], {
    reduction: { kind: "string", value: "add" },
  })[0]!;
}
