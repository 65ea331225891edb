import { GraphError } from "../../core/errors.js";
import { formatShape } from "../dim.js";
import type { Attribute, DataType, FileData, Graph, InitializerData, Value } from "../graph.js";
import {
  BLOCKS_OF_UNIT,
  countsFromZero,
  QUANTIZED_BLOCK,
  type HeldMatrix,
  type HeldQuantizedMatrix,
} from "../quantized-matrix.js";
import { add, cast, mul } from "./elementwise.js";
import { gather } from "./gather.js";
import { matMul } from "./linear.js";
import { reduceSum } from "./reduce.js";
import { reshape } from "./shape.js";

/**
 * ONNX Runtime's `accuracy_level`: 4 lets it round x to eight bits as well, each block on a scale of its own, and multiply
 * integers; 1 asks for float32. Of four bits it has a fast product either way, of eight only with rounding (measured on
 * 1.30.0: docs/log.md).
 */
const FLOATS = 1;
const ROUNDED = 4;

/**
 * x · Wᵀ with W held as small integers (ONNX Runtime's MatMulNBits); has no gradient. With 8 bits, or where the matrix
 * says so, the result is what x rounded to eight bits gives. A W in floats of 16 bits is in float32 for its product and dropped again.
 * @param x float32 [·, …, columns]. @param name of the matrix in the graph: its constants are `name.packed` and the like.
 * @throws GraphError when x has not as many columns as the matrix.
 */
export function quantizedProduct(x: Value, name: string, matrix: HeldMatrix): Value {
  const { rows, columns } = matrix;
  if (x.type !== "float32" || x.shape.length < 2 || x.shape.at(-1) !== columns) {
    throw new GraphError(
      `MatMulNBits: ${x.type}${formatShape(x.shape)} does not multiply with the transpose of ${formatShape([rows, columns])}.`,
    );
  }
  if ("half" in matrix) {
    const half = fixedConstant(x.graph, `${name}.half`, matrix.half, [rows, columns], matrix.values);
    return matMul(x, cast(half, "float32"), { transB: true });
  }
  const digit = (of: Value, part: "packed" | "low"): Value => bitsProduct(of, name, matrix, part);
  // The upper digit's 16 goes to x, where it is exact and shared by all matrices that x meets.
  const product = matrix.low
    ? add(
        digit(
          x.graph.once(`sixteenfold:${x.name}`, () => mul(x, 16)),
          "packed",
        ),
        digit(x, "low"),
      )
    : digit(x, "packed");
  const offsets = offsetsOf(x.graph, name, matrix);
  if (!offsets) return product;
  const size = matrix.blockSize ?? QUANTIZED_BLOCK;
  const blocks = columns / size;
  // Σ over a block of x · (d·q + m) is d · Σ x·q + m · Σ x: the offsets meet the sums over blocks, which are shared by all
  // matrices that x meets.
  const sums = x.graph.once(`block sums:${size}:${x.name}`, () =>
    reduceSum(reshape(x, [...x.shape.slice(0, -1), blocks, size]), [-1]),
  );
  return add(product, matMul(sums, offsets, { transB: true }));
}

/**
 * The offsets of a matrix's blocks, float32 [rows, blocks], in floats for their use alone; undefined where it has none.
 * @param indices of rows, [m], known only when their offsets are to be made, [m, blocks]. Absent: those of all, made at any time.
 */
export function offsetsOf(
  graph: Graph,
  name: string,
  matrix: HeldQuantizedMatrix,
  indices?: Value,
): Value | undefined {
  const { rows, columns, blockSize = QUANTIZED_BLOCK, offsets, steps, units } = matrix;
  const blocks = columns / blockSize;
  const picked = (whole: Value): Value => (indices ? gather(whole, indices) : whole);
  if (offsets) return picked(fixedConstant(graph, `${name}.offsets`, "float32", [rows, blocks], offsets));
  if (!steps || !units) return undefined;
  const shape = [rows, blocks / BLOCKS_OF_UNIT];
  const counts = fixedConstant(graph, `${name}.steps`, "uint8", [...shape, BLOCKS_OF_UNIT], steps);
  const each = fixedConstant(graph, `${name}.units`, "float32", [...shape, 1], units);
  const count = indices ? indices.shape[0]! : rows;
  return reshape(mul(cast(picked(counts), "float32"), picked(each)), [count, blocks]);
}

/** A constant of the graph by its name, once however often it is asked for; it stays what it is. */
export function fixedConstant(
  graph: Graph,
  name: string,
  type: DataType,
  shape: readonly number[],
  data: InitializerData | FileData,
): Value {
  return graph.once(`quantized:${name}`, () => graph.initializer(name, type, shape, data, { fixed: true }));
}

/** One MatMulNBits: x with the integers of one digit. */
function bitsProduct(x: Value, name: string, matrix: HeldQuantizedMatrix, part: "packed" | "low"): Value {
  const { graph } = x;
  const { bits, rows, columns, blockSize = QUANTIZED_BLOCK, roundsInput = bits === 8 } = matrix;
  const blocks = Math.ceil(columns / blockSize);
  const shape = [rows, blocks, (blockSize * bits) / 8];
  const packed = fixedConstant(graph, `${name}.${part}`, "uint8", shape, matrix[part]!);
  const scales = fixedConstant(graph, `${name}.scales`, "float32", [rows * blocks], matrix.scales);
  const zeroBytes = rows * Math.ceil((blocks * bits) / 8);
  // Lower digits are 0 … 15 as they stand, too.
  const isCounted = part === "low" || countsFromZero(matrix);
  const zeros = isCounted
    ? fixedConstant(graph, `no zero points.${zeroBytes}`, "uint8", [zeroBytes], new Uint8Array(zeroBytes))
    : matrix.zeroPoints &&
      fixedConstant(graph, `${name}.zero_points`, "uint8", [zeroBytes], matrix.zeroPoints);
  const attributes: Record<string, Attribute> = {
    K: { kind: "int", value: columns },
    N: { kind: "int", value: rows },
    bits: { kind: "int", value: bits },
    block_size: { kind: "int", value: blockSize },
    accuracy_level: { kind: "int", value: roundsInput ? ROUNDED : FLOATS },
  };
  const output = [{ type: x.type, shape: [...x.shape.slice(0, -1), rows] }];
  const inputs = [x, packed, scales, ...(zeros ? [zeros] : [])];
  return graph.node("MatMulNBits", inputs, output, attributes, "com.microsoft")[0]!;
}
