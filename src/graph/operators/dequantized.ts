import { withGradient } from "../differentiate.js";
import type { Dim } from "../dim.js";
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
import { concat, reshape, slice } from "./shape.js";

/**
 * As many floats are made of a matrix at a time (128 MB): of a larger one, a share of its rows after the other. The head of a 3B model
 * is 1.6 GB in float32, and as much again while two digits are put together.
 */
const MOST_FLOATS = 2 ** 25;

/**
 * Rows of a matrix W [rows, columns] that is held in fewer bits, in float32, [m, columns]. Of integers those of four bits without zero
 * points, in one digit or two.
 * @param indices of the rows, int32 or int64 [m].
 */
export function dequantizedRows(name: string, matrix: HeldMatrix, indices: Value): Value {
  if (!("half" in matrix)) return fromDigits(name, matrix, indices);
  const { graph } = indices;
  const shape = [matrix.rows, matrix.columns];
  const halves = fixedConstant(graph, `${name}.rows of halves`, matrix.half, shape, matrix.values);
  return cast(gather(halves, indices), "float32");
}

/** Rows that lie together, in float32: made once `after` is there, for a use after which they are dropped. */
function rowsFrom(name: string, matrix: HeldMatrix, { from, to }: Share, after: Value): Value {
  const counted = BigInt64Array.from({ length: to - from }, (_, i) => BigInt(from + i));
  const places = fixedConstant(after.graph, `rows.${from}.${to}`, "int64", [to - from], counted);
  return dequantizedRows(name, matrix, add(places, zeroAfter(after)));
}

/** Rows `from` to before `to`. */
interface Share {
  readonly from: number;
  readonly to: number;
}

/** A matrix's rows, in as few shares as hold at most `most` floats each. */
function shares({ rows, columns }: HeldMatrix, most: number): Share[] {
  const each = Math.max(1, Math.floor(most / columns));
  return Array.from({ length: Math.ceil(rows / each) }, (_, i) => ({
    from: i * each,
    to: Math.min(rows, (i + 1) * each),
  }));
}

/** A matrix that is held as integers of four bits, in one digit or two: high · 16 + low, in each block times its scale, and its offset added. */
function fromDigits(name: string, matrix: HeldQuantizedMatrix, indices: Value): Value {
  const { graph } = indices;
  const { rows, columns, blockSize: size = QUANTIZED_BLOCK, low } = matrix;
  const [count] = indices.shape as [Dim];
  const blocks = columns / size;
  const scales = fixedConstant(graph, `${name}.rows of scales`, "float32", [rows, blocks], matrix.scales);
  const digit = (part: string, data: Uint8Array | FileData, ...zeros: readonly Value[]): Value => {
    const packed = fixedConstant(graph, `${name}.rows of ${part}`, "uint8", [rows, columns / 2], data);
    return gatheredBlocks([packed, indices, scales, ...zeros], [count, columns], size);
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
  const shifts = reshape(offsets, [count, blocks, 1]);
  return reshape(add(reshape(values, [count, blocks, size]), shifts), [count, columns]);
}

function gatheredBlocks(inputs: readonly Value[], shape: readonly Dim[], size: number): Value {
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
 * x · Wᵀ with a W that is held in fewer bits, and its gradient for x: W is in float32 for each of the two products alone, and of a
 * large W only a share of its rows at a time. W itself is a constant.
 * @param most floats of W that are made at a time.
 */
export function dequantizedProduct(x: Value, name: string, matrix: HeldMatrix, most = MOST_FLOATS): Value {
  let after = x;
  const parts = shares(matrix, most).map((share) => {
    after = matMul(x, rowsFrom(name, matrix, share, after), { transB: true });
    return after;
  });
  const y = parts.length === 1 ? after : concat(parts, -1);
  return withGradient(y, [x], (gradient) => [dequantizedSum(gradient, name, matrix, most)]);
}

/**
 * p · W, [·, …, columns], with a W that is held in fewer bits, made as in `dequantizedProduct`; has no gradient.
 * @param p float32 [·, …, rows].
 */
export function dequantizedSum(p: Value, name: string, matrix: HeldMatrix, most = MOST_FLOATS): Value {
  const [first, ...others] = shares(matrix, most);
  if (others.length === 0) return matMul(p, rowsFrom(name, matrix, first!, p));
  const along = (share: Share, after: Value): Value =>
    matMul(slice(p, -1, share.from, share.to), rowsFrom(name, matrix, share, after));
  return others.reduce((sum, share) => add(sum, along(share, sum)), along(first!, p));
}
