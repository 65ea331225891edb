import { GraphError } from "../../core/errors.js";
import { turnMatrix, turnedTogether, type ByteMatrix } from "../byte-matrix.js";
import { formatShape } from "../dim.js";
import type { Value } from "../graph.js";
import { abs, div, max, mul } from "./elementwise.js";
import { matMul } from "./linear.js";
import { fixedConstant } from "./quantized.js";
import { reduceMax } from "./reduce.js";
import { reshape } from "./shape.js";

/** What stands for 0 in a byte. */
const ZERO = 128;
/** A row of zeros is divided by this. */
const LEAST = 1e-30;

/**
 * x · Wᵀ in bytes: each row of x, turned as W is, is rounded to 255 levels up to its own largest value. The sums of the integers are exact,
 * so that a row's results do not depend on what else is multiplied, nor on the processor but for the floats before and after them. Has no gradient.
 * @param x float32 [·, …, columns]. @param name of the matrix in the graph.
 * @throws GraphError when x has not as many columns as the matrix.
 */
export function byteProduct(x: Value, name: string, { rows, columns, bytes, scales }: ByteMatrix): Value {
  const { graph } = x;
  if (x.type !== "float32" || x.shape.length < 2 || x.shape.at(-1) !== columns) {
    throw new GraphError(
      `MatMulIntegerToFloat: ${x.type}${formatShape(x.shape)} does not multiply with the transpose of ${formatShape([rows, columns])}.`,
    );
  }
  // All matrices that x meets share what is made of it.
  const turned = graph.once(`turned:${x.name}`, () => turn(x, columns));
  const most = graph.once(`most:${x.name}`, () =>
    max(reduceMax(abs(turned), [-1], { keepDims: true }), LEAST),
  );
  const zero = fixedConstant(graph, "zero of bytes", "uint8", [], Uint8Array.of(ZERO));
  const unit = graph.constant(1 / 127);
  const rounded = graph.once(`rounded:${x.name}`, () => {
    const output = [{ type: "uint8", shape: x.shape }] as const;
    return graph.node("QuantizeLinear", [div(turned, most), unit, zero], output)[0]!;
  });
  const isSigned = bytes instanceof Int8Array;
  const shape = [columns, rows];
  const weights = fixedConstant(graph, `${name}.bytes`, isSigned ? "int8" : "uint8", shape, bytes);
  const perRow = fixedConstant(graph, `${name}.scales`, "float32", [rows], scales);
  const inputs = [rounded, weights, unit, perRow, zero, ...(isSigned ? [] : [zero])];
  const output = [{ type: x.type, shape: [...x.shape.slice(0, -1), rows] }];
  return mul(graph.node("MatMulIntegerToFloat", inputs, output, {}, "com.microsoft")[0]!, most);
}

function turn(x: Value, columns: number): Value {
  const width = turnedTogether(columns);
  if (width === 1) return x;
  const matrix = fixedConstant(x.graph, `turn.${width}`, "float32", [width, width], turnMatrix(width));
  const parts = reshape(x, [...x.shape.slice(0, -1), columns / width, width]);
  return reshape(matMul(parts, matrix), x.shape);
}
