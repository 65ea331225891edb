import { GraphError } from "../core/errors.js";
import { bfloatToFloat, halfToFloat } from "../core/half-precision.js";
import { evaluateDim, formatShape } from "./dim.js";
import { neededNodes } from "./encode.js";
import type { Graph, InitializerData, Value } from "./graph.js";
import type { DoubleTensor } from "./reference/array.js";
import { KERNELS } from "./reference/kernels.js";
import { ARRAYS } from "./resident-buffer.js";
import type { Tensor } from "./tensor.js";

/**
 * Runs a graph plainly, with neither native code nor a thread: the meaning that `Session.run` is tested against.
 * It computes in float64 and rounds the outputs to their types; use it for small graphs only.
 * @throws GraphError for a missing feed, an operator without a definition, an index out of range, and a result whose
 * dimensions are not those that the builder inferred.
 */
export function evaluate(graph: Graph, feeds: Readonly<Record<string, Tensor>>): Record<string, Tensor> {
  const doubles = Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, toDoubles(feed)]));
  const results = evaluateInDoubles(graph, doubles);
  return Object.fromEntries(Object.entries(results).map(([name, result]) => [name, fromDoubles(result)]));
}

/** `evaluate` without rounding what goes in or comes out, for finite differences. */
export function evaluateInDoubles(
  graph: Graph,
  feeds: Readonly<Record<string, DoubleTensor>>,
): Record<string, DoubleTensor> {
  const values = new Map<string, DoubleTensor>();
  const sizes = new Map<string, number>();
  for (const { value, data } of graph.initializers) {
    if ("file" in data)
      throw new GraphError(`The constant "${value.name}" lies in a file, which is not read here.`);
    values.set(value.name, toDoubles({ type: value.type, dims: value.shape as readonly number[], data }));
  }
  const nodes = neededNodes(graph);
  const used = new Set(nodes.flatMap((node) => node.inputs));
  for (const input of graph.inputs) {
    const feed = feeds[input.name];
    if (!feed && !used.has(input)) continue;
    if (!feed) throw new GraphError(`The input "${input.name}" is not fed.`);
    input.shape.forEach((dim, i) => typeof dim === "string" && sizes.set(dim, feed.dims[i]!));
    values.set(input.name, feed);
  }
  for (const input of graph.inputs) {
    const feed = values.get(input.name);
    if (feed) requireShape(input, feed, sizes);
  }
  for (const node of nodes) {
    const kernel = KERNELS[node.op];
    if (!kernel) throw new GraphError(`${node.op} has no plain definition.`);
    const results = kernel(
      node,
      node.inputs.map(({ name }) => values.get(name)!),
    );
    node.outputs.forEach((output, i) => {
      requireShape(output, results[i]!, sizes);
      values.set(output.name, results[i]!);
    });
  }
  return Object.fromEntries(graph.outputs.map(({ name }) => [name, values.get(name)!]));
}

function requireShape(value: Value, result: DoubleTensor, sizes: ReadonlyMap<string, number>): void {
  const fits =
    value.type === result.type &&
    value.shape.length === result.dims.length &&
    value.shape.every((dim, i) => evaluateDim(dim, sizes) === result.dims[i]);
  if (!fits) {
    throw new GraphError(
      `"${value.name}" is ${value.type}${formatShape(value.shape)}, but its value is ` +
        `${result.type}${formatShape(result.dims)}.`,
    );
  }
}

function toDoubles({ type, dims, data }: Tensor): DoubleTensor {
  if (type === "float16" || type === "bfloat16") {
    const floats = new Float32Array(data.length);
    (type === "float16" ? halfToFloat : bfloatToFloat)(data as Uint16Array, floats, 0);
    return { type, dims, data: Float64Array.from(floats) };
  }
  return { type, dims, data: Float64Array.from(data as ArrayLike<number | bigint>, Number) };
}

function fromDoubles({ type, dims, data }: DoubleTensor): Tensor {
  const rounded: InitializerData =
    type === "int64" ? BigInt64Array.from(data, (value) => BigInt(value)) : ARRAYS[type].from(data);
  return { type, dims, data: rounded };
}
