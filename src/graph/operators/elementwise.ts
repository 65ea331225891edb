import { GraphError } from "../../core/errors.js";
import { broadcastShapes, formatShape } from "../dim.js";
import type { DataType, Value } from "../graph.js";

const ONNX_TYPE: Readonly<Record<DataType, number>> = {
  ...{ float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9 },
  ...{ float16: 10, bfloat16: 16 },
};

function unary(op: string, x: Value): Value {
  if (x.type !== "float32" && op !== "Neg")
    throw new GraphError(`${op}: needs float32, got ${x.type}${formatShape(x.shape)}.`);
  return x.graph.node(op, [x], [{ type: x.type, shape: x.shape }])[0]!;
}

/** Operands of a binary operator: a number becomes a constant. */
export type Operand = Value | number;

function asValue(operand: Operand, like: Operand): Value {
  if (typeof operand !== "number") return operand;
  if (typeof like === "number") throw new GraphError("At least one operand must be a value of a graph.");
  if (like.type === "float32") return like.graph.constant(operand);
  if (like.type === "int64" && Number.isInteger(operand)) return like.graph.integers(operand);
  throw new GraphError(`The operand ${operand} is no ${like.type}, as the other one is.`);
}

function binary(op: string, left: Operand, right: Operand, type?: DataType): Value {
  const a = asValue(left, right);
  const b = asValue(right, left);
  if (a.type !== b.type)
    throw new GraphError(
      `${op}: types differ, ${a.type}${formatShape(a.shape)} and ${b.type}${formatShape(b.shape)}.`,
    );
  const shape = broadcastShapes(op, a.shape, b.shape);
  return a.graph.node(op, [a, b], [{ type: type ?? a.type, shape }])[0]!;
}

/** a + b, broadcast. */
export const add = (a: Operand, b: Operand): Value => binary("Add", a, b);
/** a − b, broadcast. */
export const sub = (a: Operand, b: Operand): Value => binary("Sub", a, b);
/** a · b elementwise, broadcast. */
export const mul = (a: Operand, b: Operand): Value => binary("Mul", a, b);
/** a / b elementwise, broadcast. */
export const div = (a: Operand, b: Operand): Value => binary("Div", a, b);
/** a^b elementwise, broadcast; differentiable in both (in b only where a > 0). */
export const pow = (a: Operand, b: Operand): Value => binary("Pow", a, b);
/** Elementwise minimum; the gradient goes to a on ties. */
export const min = (a: Operand, b: Operand): Value => binary("Min", a, b);
/** Elementwise maximum; the gradient goes to a on ties. */
export const max = (a: Operand, b: Operand): Value => binary("Max", a, b);
/** a ≤ b as bool, broadcast; no gradient. */
export const lessOrEqual = (a: Operand, b: Operand): Value => binary("LessOrEqual", a, b, "bool");
/** a = b as bool, broadcast; no gradient. */
export const equal = (a: Operand, b: Operand): Value => binary("Equal", a, b, "bool");

export const neg = (x: Value): Value => unary("Neg", x);
export const exp = (x: Value): Value => unary("Exp", x);
/** |x|; no gradient. */
export const abs = (x: Value): Value => unary("Abs", x);
/** Natural logarithm. */
export const log = (x: Value): Value => unary("Log", x);
export const sqrt = (x: Value): Value => unary("Sqrt", x);
export const sigmoid = (x: Value): Value => unary("Sigmoid", x);
export const tanh = (x: Value): Value => unary("Tanh", x);

/** condition ? a : b elementwise, broadcast; `condition` is bool and has no gradient. */
export function where(condition: Value, a: Operand, b: Operand): Value {
  const x = asValue(a, b);
  const y = asValue(b, a);
  if (condition.type !== "bool") throw new GraphError(`Where: the condition is ${condition.type}, not bool.`);
  if (x.type !== y.type)
    throw new GraphError(
      `Where: types differ, ${x.type}${formatShape(x.shape)} and ${y.type}${formatShape(y.shape)}.`,
    );
  const shape = broadcastShapes("Where", condition.shape, broadcastShapes("Where", x.shape, y.shape));
  return condition.graph.node("Where", [condition, x, y], [{ type: x.type, shape }])[0]!;
}

/** The same values in another type; no gradient, as float32 is the only type that has one. */
export function cast(x: Value, type: DataType): Value {
  if (x.type === type) return x;
  return x.graph.node("Cast", [x], [{ type, shape: x.shape }], {
    to: { kind: "int", value: ONNX_TYPE[type] },
  })[0]!;
}

/**
 * x · sigmoid(x) (SiLU), in one pass. ONNX Runtime calls it QuickGelu with alpha 1.
 */
export function silu(x: Value): Value {
  return x.graph.node(
    "QuickGelu",
    [x],
    [{ type: x.type, shape: x.shape }],
    { alpha: { kind: "float", value: 1 } },
    "com.microsoft",
  )[0]!;
}

/** GELU in its tanh form, x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))) (Hendrycks and Gimpel 2016), in one pass; x is no scalar. */
export function geluTanh(x: Value): Value {
  if (x.shape.length === 0) throw new GraphError("FastGelu: needs at least one axis, got a scalar.");
  return x.graph.node("FastGelu", [x], [{ type: x.type, shape: x.shape }], {}, "com.microsoft")[0]!;
}
