/**
 * Blocks as ONNX Runtime's quantized product takes them: the same integers in another order, the same scales, so that the weights
 * are those of `dequantize` (a scale or an offset may be rounded in its last bit). Integers of five, six and eight bits are held in
 * two digits of four: for eight bits, that product has a fast kernel only with activations rounded to eight bits, too, and then
 * it is another model (docs/log.md). Where that is asked for, they are held in one digit of eight.
 */
import { BLOCKS_OF_UNIT, QUANTIZED_BLOCK, type QuantizedMatrix } from "../../../graph/index.js";
import { halfAt } from "../../../core/half-precision.js";
import type { BlockFormat } from "./dequantize.js";
import { readScales } from "./dequantize-k.js";

/** The file's integer that is held as the product's own zero: the middle of 0 … 15. */
const MIDDLE = 8;
/** Bytes of a block of 32 integers, of each digit. */
const PACKED = QUANTIZED_BLOCK / 2;

/** 16 bytes whose lower halves are integers 0 … 15 and whose upper ones are 16 … 31. */
function packHalves(bytes: Uint8Array, from: number, packed: Uint8Array, to: number): void {
  for (let i = 0; i < 8; i++) {
    const [a, b] = [bytes[from + 2 * i]!, bytes[from + 2 * i + 1]!];
    packed[to + i] = (a & 15) | ((b & 15) << 4);
    packed[to + 8 + i] = (a >>> 4) | (b & 0xf0);
  }
}

/** The lower or the upper halves of 32 bytes, as `shift` says. */
function packNibbles(bytes: Uint8Array, from: number, shift: number, packed: Uint8Array, to: number): void {
  for (let i = 0; i < PACKED; i++) {
    const [a, b] = [bytes[from + 2 * i]!, bytes[from + 2 * i + 1]!];
    packed[to + i] = ((a >>> shift) & 15) | (((b >>> shift) & 15) << 4);
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

/** The scales of eight blocks, and their minima as steps of one unit. */
function keepScales(bytes: Uint8Array, at: number, matrix: QuantizedMatrix, block: number): void {
  const { scales, steps } = readScales(bytes, at);
  matrix.scales.set(scales, block);
  matrix.steps!.set(steps, block);
  matrix.units![block / BLOCKS_OF_UNIT] = -halfAt(bytes, at + 2);
}

/** Eight blocks: the lower halves of 32 bytes are one, the upper halves the next. */
const keepQ4K: Keep = (bytes, at, matrix, block) => {
  const { packed } = matrix;
  keepScales(bytes, at, matrix, block);
  for (let j = 0; j < 8; j++) {
    packNibbles(bytes, at + 16 + (j >>> 1) * 32, 4 * (j & 1), packed, (block + j) * PACKED);
  }
};

/** A block's 32 fifth bits as upper digits: `base` where a bit is not set, one more where it is. */
function packFifths(fifth: (i: number) => number, base: number, packed: Uint8Array, to: number): void {
  for (let i = 0; i < PACKED; i++) packed[to + i] = (base + fifth(2 * i)) | ((base + fifth(2 * i + 1)) << 4);
}

const wordAt = (bytes: Uint8Array, at: number): number =>
  bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);

const keepQ50: Keep = (bytes, at, { scales, packed, low }, block) => {
  scales[block] = halfAt(bytes, at);
  const high = wordAt(bytes, at + 2);
  // d · (q − 16): what the upper digit counts from is one below the product's zero.
  packFifths((i) => (high >>> i) & 1, MIDDLE - 1, packed, block * PACKED);
  packHalves(bytes, at + 6, low!, block * PACKED);
};

const keepQ51: Keep = (bytes, at, { scales, offsets, packed, low }, block) => {
  scales[block] = halfAt(bytes, at);
  offsets![block] = halfAt(bytes, at + 2);
  const high = wordAt(bytes, at + 4);
  packFifths((i) => (high >>> i) & 1, MIDDLE, packed, block * PACKED);
  packHalves(bytes, at + 8, low!, block * PACKED);
};

const keepQ80: Keep = (bytes, at, { scales, packed, low }, block) => {
  scales[block] = halfAt(bytes, at);
  for (let i = 0; i < PACKED; i++) {
    // From −128 … 127 to 0 … 255.
    const [a, b] = [bytes[at + 2 + 2 * i]! ^ 0x80, bytes[at + 3 + 2 * i]! ^ 0x80];
    packed[block * PACKED + i] = (a >>> 4) | (b & 0xf0);
    low![block * PACKED + i] = (a & 15) | ((b & 15) << 4);
  }
};

const keepQ5K: Keep = (bytes, at, matrix, block) => {
  const { packed, low } = matrix;
  keepScales(bytes, at, matrix, block);
  for (let j = 0; j < 8; j++) {
    packFifths((i) => (bytes[at + 16 + i]! >>> j) & 1, MIDDLE, packed, (block + j) * PACKED);
    packNibbles(bytes, at + 48 + (j >>> 1) * 32, 4 * (j & 1), low!, (block + j) * PACKED);
  }
};

/** Sixteen blocks of 16: quarters of 32 values take the lower halves of 64 bytes, then the upper ones, and two bits each of 32. */
const keepQ6K: Keep = (bytes, at, { scales, packed, low }, block) => {
  const d = halfAt(bytes, at + 208);
  for (let j = 0; j < 16; j++) {
    const [part, quarter, group] = [j >>> 3, (j >>> 1) & 3, j & 1];
    scales[block + j] = d * ((bytes[at + 192 + j]! << 24) >> 24);
    const to = ((block + j) * PACKED) / 2;
    const nibbles = at + part * 64 + (quarter & 1) * 32 + group * 16;
    const tops = at + 128 + part * 32 + group * 16;
    const shift = 4 * (quarter >>> 1);
    for (let i = 0; i < PACKED / 2; i++) {
      const [a, b] = [bytes[nibbles + 2 * i]!, bytes[nibbles + 2 * i + 1]!];
      low![to + i] = ((a >>> shift) & 15) | (((b >>> shift) & 15) << 4);
      const [c, e] = [bytes[tops + 2 * i]! >>> (2 * quarter), bytes[tops + 2 * i + 1]! >>> (2 * quarter)];
      // d · scale · (q − 32): two below the product's zero.
      packed[to + i] = (MIDDLE - 2 + (c & 3)) | ((MIDDLE - 2 + (e & 3)) << 4);
    }
  }
};

/** What stands for zero among integers of eight bits. */
const MIDDLE_OF_EIGHT = 128;

const keepQ50InOne: Keep = (bytes, at, { scales, packed }, block) => {
  scales[block] = halfAt(bytes, at);
  const high = wordAt(bytes, at + 2);
  const to = block * QUANTIZED_BLOCK;
  const base = MIDDLE_OF_EIGHT - 16;
  for (let i = 0; i < PACKED; i++) {
    const halves = bytes[at + 6 + i]!;
    packed[to + i] = base + ((halves & 15) | (((high >>> i) & 1) << 4));
    packed[to + PACKED + i] = base + ((halves >>> 4) | (((high >>> (PACKED + i)) & 1) << 4));
  }
};

const keepQ80InOne: Keep = (bytes, at, { scales, packed }, block) => {
  scales[block] = halfAt(bytes, at);
  const to = block * QUANTIZED_BLOCK;
  for (let i = 0; i < QUANTIZED_BLOCK; i++) packed[to + i] = bytes[at + 2 + i]! ^ 0x80;
};

const IN_ONE: Readonly<Record<string, Keep>> = { Q5_0: keepQ50InOne, Q8_0: keepQ80InOne };

/**
 * Both digits of four of each integer in one byte: 16 · (high − 8) + low is the byte less what stands for zero.
 * @param blocks of `size` integers each, from `block` on.
 */
function joinDigits(
  two: QuantizedMatrix,
  packed: Uint8Array,
  block: number,
  blocks: number,
  size: number,
): void {
  const [high, low] = [two.packed, two.low!];
  const to = block * size;
  for (let i = 0; i < (blocks * size) / 2; i++) {
    const [a, b] = [high[i]!, low[i]!];
    packed[to + 2 * i] = ((a & 15) << 4) | (b & 15);
    packed[to + 2 * i + 1] = (a & 0xf0) | (b >>> 4);
  }
}

interface Kept {
  readonly keep: Keep;
  readonly hasOffsets?: boolean;
  /** Whether offsets are steps of units. */
  readonly hasSteps?: boolean;
  readonly hasLow?: boolean;
  readonly blockSize?: 16;
}

const KEPT: Readonly<Record<string, Kept>> = {
  Q4_0: { keep: keepQ40 },
  Q4_1: { keep: keepQ41, hasOffsets: true },
  Q5_0: { keep: keepQ50, hasLow: true },
  Q5_1: { keep: keepQ51, hasLow: true, hasOffsets: true },
  Q8_0: { keep: keepQ80, hasLow: true },
  Q4_K: { keep: keepQ4K, hasSteps: true },
  Q5_K: { keep: keepQ5K, hasLow: true, hasSteps: true },
  Q6_K: { keep: keepQ6K, hasLow: true, blockSize: 16 },
};

/** Formats of single values that are kept as they are. */
const HALVES: Readonly<Record<string, "float16" | "bfloat16">> = { F16: "float16", BF16: "bfloat16" };

/** The formats that can be kept, by ggml's names. */
export const keptFormats: readonly string[] = [...Object.keys(KEPT), ...Object.keys(HALVES)];

/** What the values of a format are kept as, where they are floats of 16 bits. */
export const keptHalf = (format: string): "float16" | "bfloat16" | undefined => HALVES[format];

/** How many bytes so many values of a format take where they are kept; undefined where they cannot be. */
export function keptBytes(format: string, elements: number): number | undefined {
  if (format in HALVES) return 2 * elements;
  const kept = KEPT[format];
  if (kept === undefined) return undefined;
  const { hasOffsets = false, hasSteps = false, hasLow = false, blockSize = QUANTIZED_BLOCK } = kept;
  const perBlock = 4 + (hasOffsets ? 4 : 0) + (hasSteps ? 1 + 4 / BLOCKS_OF_UNIT : 0);
  return (elements * (hasLow ? 2 : 1)) / 2 + (elements / blockSize) * perBlock;
}

/**
 * A matrix to be filled by `keepRows`; undefined where the format's blocks cannot be kept.
 * @param roundsInput as of `WeightSource.blocks`.
 */
export function emptyMatrix(
  format: BlockFormat,
  rows: number,
  columns: number,
  roundsInput: boolean,
): QuantizedMatrix | undefined {
  const kept = KEPT[format.name];
  if (kept === undefined) return undefined;
  const { hasOffsets = false, hasSteps = false, hasLow = false, blockSize } = kept;
  const size = blockSize ?? QUANTIZED_BLOCK;
  const blocks = rows * (columns / size);
  const bits = hasLow && roundsInput ? 8 : 4;
  return {
    bits,
    rows,
    columns,
    ...(blockSize !== undefined && { blockSize }),
    packed: new Uint8Array((blocks * size * bits) / 8),
    ...(hasLow && !roundsInput && { low: new Uint8Array((blocks * size) / 2) }),
    scales: new Float32Array(blocks),
    ...(hasOffsets && { offsets: new Float32Array(blocks) }),
    ...(hasSteps && {
      steps: new Uint8Array(blocks),
      units: new Float32Array(blocks / BLOCKS_OF_UNIT),
    }),
    ...(roundsInput && { roundsInput }),
  };
}

/** Fills in whole rows, from row `row` on. @param matrix of `emptyMatrix` for the same format. */
export function keepRows(format: BlockFormat, bytes: Uint8Array, matrix: QuantizedMatrix, row: number): void {
  const { keep, blockSize = QUANTIZED_BLOCK } = KEPT[format.name]!;
  const step = format.elements / blockSize;
  const first = row * (matrix.columns / blockSize);
  const blocks = (bytes.length / format.bytes) * step;
  const inOne = matrix.bits === 8 ? IN_ONE[format.name] : keep;
  if (inOne !== undefined) {
    for (let at = 0, block = first; at < bytes.length; at += format.bytes, block += step)
      inOne(bytes, at, matrix, block);
    return;
  }
  const half = (): Uint8Array => new Uint8Array((blocks * blockSize) / 2);
  const { scales, offsets, steps, units } = matrix;
  const two: QuantizedMatrix = {
    ...matrix,
    ...{ bits: 4, packed: half(), low: half() },
    scales: scales.subarray(first, first + blocks),
    ...(offsets && { offsets: offsets.subarray(first, first + blocks) }),
    ...(steps && { steps: steps.subarray(first, first + blocks) }),
    ...(units && { units: units.subarray(first / BLOCKS_OF_UNIT, (first + blocks) / BLOCKS_OF_UNIT) }),
  };
  for (let at = 0, block = 0; at < bytes.length; at += format.bytes, block += step)
    keep(bytes, at, two, block);
  joinDigits(two, matrix.packed, first, blocks, blockSize);
}
