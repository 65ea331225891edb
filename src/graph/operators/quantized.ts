import { GraphError } from "../../core/errors.js";
import { formatShape } from "../dim.js";
import type { Attribute, Value } from "../graph.js";
import { QUANTIZED_BLOCK, blocksOf, type QuantizedMatrix } from "../quantized-matrix.js";
import { add } from "./elementwise.js";
import { matMul } from "./linear.js";
import { reduceSum } from "./reduce.js";
import { reshape } from "./shape.js";

/**
 * ONNX Runtime's `accuracy_level`: 4 lets it round x to eight bits as well, each block on a scale of its own, and multiply
 * integers; 1 asks for float32. Of four bits it has a fast product either way, of eight only with rounding (measured on
 * 1.30.0: docs/log.md).
 */
const ACCURACY_LEVEL = { 4: 1, 8: 4 } as const;

/**
 * x · Wᵀ with W held as small integers (ONNX Runtime's MatMulNBits); has no gradient. With 8 bits the result is what x rounded
 * to eight bits gives.
 * @param x float32 [·, …, columns]. @param name of the matrix in the graph: its constants are `name.packed` and the like.
 * @throws GraphError when x has not as many columns as the matrix.
 */
export function quantizedProduct(x: Value, name: string, matrix: QuantizedMatrix): Value {
  const { bits, rows, columns } = matrix;
  if (x.type !== "float32" || x.shape.length < 2 || x.shape.at(-1) !== columns) {
    throw new GraphError(
      `MatMulNBits: ${x.type}${formatShape(x.shape)} does not multiply with the transpose of ${formatShape([rows, columns])}.`,
    );
  }
  const { graph } = x;
  const blocks = blocksOf(columns);
  const constant = (
    part: string,
    type: "uint8" | "float32",
    shape: readonly number[],
    data: Uint8Array | Float32Array,
  ) =>
    graph.once(`quantized:${name}.${part}`, () =>
      graph.initializer(`${name}.${part}`, type, shape, data, { fixed: true }),
    );
  const packed = constant("packed", "uint8", [rows, blocks, (QUANTIZED_BLOCK * bits) / 8], matrix.packed);
  const scales = constant("scales", "float32", [rows * blocks], matrix.scales);
  const zeros =
    matrix.zeroPoints &&
    constant("zero_points", "uint8", [rows * Math.ceil((blocks * bits) / 8)], matrix.zeroPoints);
  const attributes: Record<string, Attribute> = {
    K: { kind: "int", value: columns },
    N: { kind: "int", value: rows },
    bits: { kind: "int", value: bits },
    block_size: { kind: "int", value: QUANTIZED_BLOCK },
    accuracy_level: { kind: "int", value: ACCURACY_LEVEL[bits] },
  };
  const output = [{ type: x.type, shape: [...x.shape.slice(0, -1), rows] }];
  const inputs = [x, packed, scales, ...(zeros ? [zeros] : [])];
  const product = graph.node("MatMulNBits", inputs, output, attributes, "com.microsoft")[0]!;
  if (!matrix.offsets) return product;
  // Σ over a block of x · (d·q + m) is d · Σ x·q + m · Σ x: the offsets meet the sums over blocks, which are shared by all
  // matrices that x meets.
  const sums = graph.once(`block sums:${x.name}`, () =>
    reduceSum(reshape(x, [...x.shape.slice(0, -1), blocks, QUANTIZED_BLOCK]), [-1]),
  );
  const offsets = constant("offsets", "float32", [rows, blocks], matrix.offsets);
  return add(product, matMul(sums, offsets, { transB: true }));
}
