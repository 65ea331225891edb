/**
 * Blocks of four bits as ONNX Runtime's quantized product takes them: the same integers in another order, the same scales, so
 * that the weights are those of `dequantize` (an offset may be rounded in its last bit). Blocks of eight bits are not kept:
 * that product has a fast kernel for them only with activations rounded to eight bits, too, and then it is another model
 * (docs/log.md); in other formats a scale is shared by another number of values than the product knows.
 */
import { QUANTIZED_BLOCK, type QuantizedMatrix } from "../../../graph/index.js";
import { halfAt } from "../half-precision.js";
import type { BlockFormat } from "./dequantize.js";
import { readScales } from "./dequantize-k.js";

/** The file's integer that is held as the product's own zero: the middle of 0 … 15. */
const MIDDLE = 8;
/** Bytes of a block of 32 integers. */
const PACKED = QUANTIZED_BLOCK / 2;

/** 16 bytes whose lower halves are integers 0 … 15 and whose upper ones are 16 … 31. */
function packHalves(bytes: Uint8Array, from: number, packed: Uint8Array, to: number): void {
  for (let i = 0; i < 8; i++) {
    const [a, b] = [bytes[from + 2 * i]!, bytes[from + 2 * i + 1]!];
    packed[to + i] = (a & 15) | ((b & 15) << 4);
    packed[to + 8 + i] = (a >>> 4) | (b & 0xf0);
  }
}

/** Keeps a row's stored block at `at` as the block, or the blocks, from `block` on. */
type Keep = (bytes: Uint8Array, at: number, matrix: QuantizedMatrix, block: number) => void;

const keepQ40: Keep = (bytes, at, { scales, packed }, block) => {
  scales[block] = halfAt(bytes, at);
  packHalves(bytes, at + 2, packed, block * PACKED);
};

const keepQ41: Keep = (bytes, at, { scales, offsets, packed }, block) => {
  const d = halfAt(bytes, at);
  scales[block] = d;
  offsets![block] = halfAt(bytes, at + 2) + MIDDLE * d;
  packHalves(bytes, at + 4, packed, block * PACKED);
};

/** Eight blocks: the lower halves of 32 bytes are one, the upper halves the next. */
const keepQ4K: Keep = (bytes, at, { scales, offsets, packed }, block) => {
  const read = readScales(bytes, at);
  for (let j = 0; j < 8; j++) {
    scales[block + j] = read.scales[j]!;
    offsets![block + j] = MIDDLE * read.scales[j]! - read.minima[j]!;
    const from = at + 16 + (j >>> 1) * 32;
    const shift = 4 * (j & 1);
    for (let i = 0; i < PACKED; i++) {
      const [a, b] = [bytes[from + 2 * i]!, bytes[from + 2 * i + 1]!];
      packed[(block + j) * PACKED + i] = ((a >>> shift) & 15) | (((b >>> shift) & 15) << 4);
    }
  }
};

const KEPT: Readonly<Record<string, { readonly keep: Keep; readonly hasOffsets: boolean }>> = {
  Q4_0: { keep: keepQ40, hasOffsets: false },
  Q4_1: { keep: keepQ41, hasOffsets: true },
  Q4_K: { keep: keepQ4K, hasOffsets: true },
};

/** The formats whose blocks can be kept, by ggml's names. */
export const keptFormats: readonly string[] = Object.keys(KEPT);

/** A matrix to be filled by `keepRows`; undefined where the format's blocks cannot be kept. */
export function emptyMatrix(format: BlockFormat, rows: number, columns: number): QuantizedMatrix | undefined {
  const kept = KEPT[format.name];
  if (kept === undefined) return undefined;
  const blocks = rows * (columns / QUANTIZED_BLOCK);
  return {
    bits: 4,
    rows,
    columns,
    packed: new Uint8Array(blocks * PACKED),
    scales: new Float32Array(blocks),
    ...(kept.hasOffsets && { offsets: new Float32Array(blocks) }),
  };
}

/** Fills in whole rows, from row `row` on. @param matrix of `emptyMatrix` for the same format. */
export function keepRows(format: BlockFormat, bytes: Uint8Array, matrix: QuantizedMatrix, row: number): void {
  const { keep } = KEPT[format.name]!;
  const step = format.elements / QUANTIZED_BLOCK;
  let block = row * (matrix.columns / QUANTIZED_BLOCK);
  for (let at = 0; at < bytes.length; at += format.bytes, block += step) keep(bytes, at, matrix, block);
}
