import { GraphError } from "../../core/errors.js";
import { broadcastShapes, formatShape, type Shape } from "../dim.js";
import type { Attribute, Value } from "../graph.js";

export interface MatMulOptions {
  /** Use a with its last two axes exchanged. */
  readonly transA?: boolean;
  /** Use b with its last two axes exchanged. */
  readonly transB?: boolean;
  /** Scales the product. Default 1. */
  readonly alpha?: number;
}

/**
 * alpha · a · b over the last two axes, the axes before them broadcast. Transposition and scale are part of the kernel
 * (ONNX Runtime's FusedMatMul), so no transposed copy is ever made.
 * @throws GraphError naming both shapes when the inner dimensions differ.
 */
export function matMul(
  a: Value,
  b: Value,
  { transA = false, transB = false, alpha = 1 }: MatMulOptions = {},
): Value {
  if (a.shape.length < 2 || b.shape.length < 2) {
    throw new GraphError(`MatMul: needs matrices, got ${formatShape(a.shape)} and ${formatShape(b.shape)}.`);
  }
  const [aRows, aColumns] = lastTwo(a.shape, transA);
  const [bRows, bColumns] = lastTwo(b.shape, transB);
  if (aColumns !== bRows) {
    const note = transA || transB ? ` (transA ${transA}, transB ${transB})` : "";
    throw new GraphError(
      `MatMul: ${formatShape(a.shape)} and ${formatShape(b.shape)}${note} do not multiply: ${aColumns} against ${bRows}.`,
    );
  }
  if (a.type !== "float32" || b.type !== "float32") {
    throw new GraphError(
      `MatMul: needs float32, got ${a.type}${formatShape(a.shape)} and ${b.type}${formatShape(b.shape)}.`,
    );
  }
  const shape = [...broadcastShapes("MatMul", a.shape.slice(0, -2), b.shape.slice(0, -2)), aRows!, bColumns!];
  const output = [{ type: a.type, shape }];
  if (!transA && !transB && alpha === 1) return a.graph.node("MatMul", [a, b], output)[0]!;
  const attributes: Record<string, Attribute> = {
    transA: { kind: "int", value: transA ? 1 : 0 },
    transB: { kind: "int", value: transB ? 1 : 0 },
    alpha: { kind: "float", value: alpha },
  };
  return a.graph.node("FusedMatMul", [a, b], output, attributes, "com.microsoft")[0]!;
}

function lastTwo(shape: Shape, swap: boolean): Shape {
  const two = shape.slice(-2);
  return swap ? [two[1]!, two[0]!] : two;
}
