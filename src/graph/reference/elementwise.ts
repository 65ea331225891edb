import type { DataType } from "../graph.js";
import {
  broadcastAt,
  broadcastDims,
  numberAttribute,
  tabulate,
  type Kernel,
  type KernelTable,
} from "./array.js";

function unary(apply: (x: number) => number): Kernel {
  return (_, [x]) => [{ ...x!, data: x!.data.map(apply) }];
}

function binary(apply: (a: number, b: number) => number, type?: DataType): Kernel {
  return (_, [a, b]) => [
    tabulate(type ?? a!.type, broadcastDims(a!.dims, b!.dims), (at) =>
      apply(broadcastAt(a!, at), broadcastAt(b!, at)),
    ),
  ];
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** ONNX's numbers of element types. */
const TYPES: Readonly<Record<number, DataType>> = {
  1: "float32",
  2: "uint8",
  3: "int8",
  6: "int32",
  7: "int64",
  9: "bool",
};

export const ELEMENTWISE: KernelTable = {
  Add: binary((a, b) => a + b),
  Sub: binary((a, b) => a - b),
  Mul: binary((a, b) => a * b),
  Div: (node, inputs) =>
    binary(inputs[0]!.type === "float32" ? (a, b) => a / b : (a, b) => Math.trunc(a / b))(node, inputs),
  Mod: binary((a, b) => a - b * Math.floor(a / b)),
  Pow: binary((a, b) => a ** b),
  Min: binary(Math.min),
  Max: binary(Math.max),
  LessOrEqual: binary((a, b) => (a <= b ? 1 : 0), "bool"),
  Equal: binary((a, b) => (a === b ? 1 : 0), "bool"),
  Neg: unary((x) => -x),
  Abs: unary(Math.abs),
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Sqrt: unary(Math.sqrt),
  Sigmoid: unary(sigmoid),
  Tanh: unary(Math.tanh),
  Identity: (_, [x]) => [x!],
  QuickGelu: (node, inputs) => {
    const alpha = numberAttribute(node, "alpha", 1.702);
    return unary((x) => x * sigmoid(alpha * x))(node, inputs);
  },
  FastGelu: unary((x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))),
  Where: (_, [condition, a, b]) => [
    tabulate(a!.type, broadcastDims(condition!.dims, a!.dims, b!.dims), (at) =>
      broadcastAt(broadcastAt(condition!, at) === 0 ? b! : a!, at),
    ),
  ],
  Cast: (node, [x]) => {
    const type = TYPES[numberAttribute(node, "to")]!;
    const convert = (value: number): number =>
      type === "bool" ? (value === 0 ? 0 : 1) : type === "float32" ? value : Math.trunc(value);
    return [{ type, dims: x!.dims, data: x!.data.map(convert) }];
  },
};
