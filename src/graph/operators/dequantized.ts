import { withGradient } from "../differentiate.js";
import type { Attribute, FileData, Value } from "../graph.js";
import {
  countsFromZero,
  QUANTIZED_BLOCK,
  type HeldMatrix,
  type HeldQuantizedMatrix,
} from "../quantized-matrix.js";
import { zeroAfter } from "../recompute.js";
import { add, cast, mul } from "./elementwise.js";
import { gather } from "./gather.js";
import { matMul } from "./linear.js";
import { fixedConstant, offsetsOf } from "./quantized.js";
import { reshape } from "./shape.js";

/**
 * A matrix W [rows, columns] that is held in fewer bits, in float32: made once `after` is there, for a use after which it is dropped.
 * Of integers those of four bits without zero points, in one digit or two.
 */
export function dequantized(name: string, matrix: HeldMatrix, after: Value): Value {
  const { graph } = after;
  const { rows, columns } = matrix;
  const counted = BigInt64Array.from({ length: rows }, (_, i) => BigInt(i));
  const places = fixedConstant(graph, `rows.${rows}`, "int64", [rows], counted);
  const indices = add(places, zeroAfter(after));
  if (!("half" in matrix)) return fromDigits(name, matrix, indices);
  const shape = [rows, columns];
  const halves = fixedConstant(graph, `${name}.rows of halves`, matrix.half, shape, matrix.values);
  return cast(gather(halves, indices), "float32");
}

/** A matrix that is held as integers of four bits, in one digit or two: high · 16 + low, in each block times its scale, and its offset added. */
function fromDigits(name: string, matrix: HeldQuantizedMatrix, indices: Value): Value {
  const { graph } = indices;
  const { rows, columns, blockSize: size = QUANTIZED_BLOCK, low } = matrix;
  const blocks = columns / size;
  const scales = fixedConstant(graph, `${name}.rows of scales`, "float32", [rows, blocks], matrix.scales);
  const digit = (part: string, data: Uint8Array | FileData, ...zeros: readonly Value[]): Value => {
    const packed = fixedConstant(graph, `${name}.rows of ${part}`, "uint8", [rows, columns / 2], data);
    return dequantizedRows([packed, indices, scales, ...zeros], [rows, columns], size);
  };
  const none = (): Value => {
    const shape = [rows, Math.ceil(blocks / 2)] as const;
    const zeros = new Uint8Array(shape[0] * shape[1]);
    return fixedConstant(graph, `no zeros.${shape.join(".")}`, "uint8", shape, zeros);
  };
  let values = digit("packed", matrix.packed, ...(countsFromZero(matrix) ? [none()] : []));
  if (low !== undefined) values = add(mul(values, 16), digit("low", low, none()));
  const offsets = offsetsOf(graph, name, matrix, indices);
  if (!offsets) return values;
  const shifts = reshape(offsets, [rows, blocks, 1]);
  return reshape(add(reshape(values, [rows, blocks, size]), shifts), [rows, columns]);
}

function dequantizedRows(inputs: readonly Value[], shape: readonly number[], size: number): Value {
  const { graph } = inputs[0]!;
  const attributes: Record<string, Attribute> = {
    gather_axis: { kind: "int", value: 0 },
    quantize_axis: { kind: "int", value: 1 },
    block_size: { kind: "int", value: size },
    bits: { kind: "int", value: 4 },
  };
  const outputs = [{ type: "float32", shape }] as const;
  return graph.node("GatherBlockQuantized", inputs, outputs, attributes, "com.microsoft")[0]!;
}

/**
 * x · Wᵀ with a W that is held in fewer bits, and its gradient for x: W is in float32 for each of the two products alone. W itself is
 * a constant.
 */
export function dequantizedProduct(x: Value, name: string, matrix: HeldMatrix): Value {
  const y = matMul(x, dequantized(name, matrix, x), { transB: true });
  return withGradient(y, [x], (gradient) => [matMul(gradient, dequantized(name, matrix, gradient))]);
}
