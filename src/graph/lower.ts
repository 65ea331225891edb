import { closeSync, openSync, readSync } from "node:fs";
import { bfloatToFloat } from "../core/half-precision.js";
import type { Device } from "./device.js";
import { firstInputs, neededNodes } from "./encode.js";
import {
  Graph,
  type Attribute,
  type FileData,
  type GraphNode,
  type Initializer,
  type InitializerData,
  type Value,
} from "./graph.js";
import { add, div, exp, log, mul, sqrt, sub } from "./operators/elementwise.js";
import { matMul } from "./operators/linear.js";
import { reduceMax, reduceMean, reduceSum } from "./operators/reduce.js";
import { transpose } from "./operators/shape.js";

/** A node said in other operators, from its inputs in the new graph: its outputs, undefined where the node's own does. */
type Lowering = (node: GraphNode, inputs: readonly Value[]) => readonly (Value | undefined)[];

const LAST = { keepDims: true } as const;

/** How operators that devices lack are said in those that they have. */
const LOWERINGS: Readonly<Record<string, Lowering>> = {
  FusedMatMul: (node, [a, b]) => {
    const turned = (x: Value, name: string): Value => (number(node, name) === 1 ? swapped(x) : x);
    const alpha = number(node, "alpha") ?? 1;
    const left = turned(a!, "transA");
    return [matMul(alpha === 1 ? left : mul(left, alpha), turned(b!, "transB"))];
  },
  LogSoftmax: (_, [x]) => {
    const shifted = sub(x!, reduceMax(x!, [-1], LAST));
    return [sub(shifted, log(reduceSum(exp(shifted), [-1], LAST)))];
  },
  // The norm itself is as it should be; 1 / sqrt(mean(x²) + ε), which gradients take, is left unwritten (seen with ONNX Runtime 1.30).
  SimplifiedLayerNormalization: (node, [x]) => {
    const mean = reduceMean(mul(x!, x!), [-1], LAST);
    return [undefined, div(1, sqrt(add(mean, number(node, "epsilon") ?? 0)))];
  },
};

/**
 * The constant's values as float32, read from their file where they lie in one; undefined where they stay as they are.
 * @param cast the names of what casts read, or look up rows in.
 */
function widened(
  { value, data }: Initializer,
  { ownMemory, leaves }: Device,
  cast: ReadonlySet<string>,
): Float32Array | undefined {
  if (!ownMemory || !cast.has(value.name)) return undefined;
  if (value.type === "bfloat16" && leaves.includes("bfloat16") && data instanceof Uint16Array) {
    const floats = new Float32Array(data.length);
    bfloatToFloat(data, floats, 0);
    return floats;
  }
  // Steps of blocks; the integers of a matrix no cast reads.
  if (value.type === "uint8") return Float32Array.from("file" in data ? bytesOf(data) : (data as Uint8Array));
  return undefined;
}

function bytesOf({ file, offset, byteLength }: FileData): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  const fd = openSync(file, "r");
  try {
    for (let at = 0, read = 1; at < byteLength && read > 0; at += read)
      read = readSync(fd, bytes, at, byteLength - at, offset + at);
  } finally {
    closeSync(fd);
  }
  return bytes;
}

function number({ attributes }: GraphNode, name: string): number | undefined {
  const attribute: Attribute | undefined = attributes[name];
  return attribute?.kind === "int" || attribute?.kind === "float" ? attribute.value : undefined;
}

/** Constants with their two axes exchanged, by the constant: graphs of one engine then share these, too. */
const exchanged = new WeakMap<InitializerData, WeakRef<Float32Array>>();

function withAxesExchanged(data: Float32Array, rows: number, columns: number): Float32Array {
  const known = exchanged.get(data)?.deref();
  if (known) return known;
  const other = new Float32Array(data.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      other[column * rows + row] = data[row * columns + column]!;
  exchanged.set(data, new WeakRef(other));
  return other;
}

/** A matrix that is a constant in memory; undefined for another value. */
function constantMatrix({ name, shape, graph }: Value): Float32Array | undefined {
  const data =
    shape.length === 2 ? graph.initializers.find(({ value }) => value.name === name)?.data : undefined;
  return data instanceof Float32Array ? data : undefined;
}

/** With its last two axes exchanged: a constant beforehand, since it is fed where sessions share it, and would be turned at each run. */
function swapped(x: Value): Value {
  const data = constantMatrix(x);
  if (data) {
    const [rows, columns] = x.shape as readonly [number, number];
    return x.graph.once(`exchanged:${x.name}`, () => {
      const other = withAxesExchanged(data, rows, columns);
      return x.graph.initializer(`${x.name}.exchanged`, x.type, [columns, rows], other);
    });
  }
  const axes = x.shape.map((_, axis) => axis);
  return transpose(x, [...axes.slice(0, -2), axes.length - 1, axes.length - 2]);
}

/**
 * The graph in operators that a device has: the same inputs, constants and outputs, by the same names. The graph itself where the
 * device lacks none of its operators.
 */
export function lower(graph: Graph, device: Device): Graph {
  const { lacks } = device;
  if (lacks.length === 0) return graph;
  const nodes = neededNodes(graph);
  const read = new Set(nodes.flatMap(({ inputs }) => inputs.map(({ name }) => name)));
  // What nobody reads of a node need not be said otherwise: a norm's second output is for gradients alone.
  const isLacking = ({ op, outputs }: GraphNode): boolean =>
    lacks.includes(op) && (outputs.length === 1 || outputs.slice(1).some(({ name }) => read.has(name)));
  // These are made float32 beforehand: their casts would be the CPU's, at each run.
  const cast = firstInputs(nodes, ["Cast", "Gather"]);
  const wide = new Map<string, Float32Array>();
  for (const each of graph.initializers) {
    const floats = widened(each, device, cast);
    if (floats) wide.set(each.value.name, floats);
  }
  if (!nodes.some(isLacking) && wide.size === 0) return graph;
  const lowered = new Graph();
  const values = new Map<string, Value>();
  for (const { name, type, shape } of graph.inputs) values.set(name, lowered.input(name, type, shape));
  for (const each of graph.initializers) {
    const { name, shape, type } = each.value;
    const floats = wide.get(name);
    const dims = shape as readonly number[];
    const { fixed } = each;
    const made = lowered.initializer(name, floats ? "float32" : type, dims, floats ?? each.data, { fixed });
    values.set(name, made);
  }
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  for (const node of nodes) {
    const inputs = node.inputs.map(({ name }) => values.get(name)!);
    const [first] = node.outputs;
    if (outputs.has(first!.name)) {
      lowered.output(first!.name, inputs[0]!);
      continue;
    }
    const others = isLacking(node) ? LOWERINGS[node.op]?.(node, inputs) : undefined;
    const whole = others !== undefined && others.every((value) => value !== undefined);
    const own = whole ? [] : lowered.node(node.op, inputs, node.outputs, node.attributes, node.domain);
    node.outputs.forEach(({ name }, i) => values.set(name, others?.[i] ?? own[i]!));
  }
  return lowered;
}
