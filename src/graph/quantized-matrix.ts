import type { FileData } from "./graph.js";

/** Values of a row that share a scale. */
export const QUANTIZED_BLOCK = 32;
/** Blocks of a row that share a unit. */
export const BLOCKS_OF_UNIT = 8;

/**
 * A matrix W [rows, columns] as small integers: w = scale · (q − zeroPoint) + offset, with one scale, zero point and offset
 * for each block of values of a row. Where the columns are no whole number of blocks, a row's last one is filled up.
 *
 * With `low`, an integer has two digits of four bits, and w = scale · (16 · (q − 8) + low) + offset: so any eight bits are held
 * exactly, and multiplied with floats at the speed of two products of four bits.
 *
 * The arrays may lie in a file (`HeldMatrix`).
 */
export interface QuantizedMatrix<Bytes = Uint8Array, Floats = Float32Array> {
  readonly bits: 4 | 8;
  readonly rows: number;
  readonly columns: number;
  /** Values of a row that share a scale. Absent: 32. */
  readonly blockSize?: 16 | 32;
  /** q, block by block, row by row; of 4 bits two a byte, the first in the lower half. */
  readonly packed: Bytes;
  /** The lower digits, packed as q is; only of 4 bits, whole blocks and no zero points. */
  readonly low?: Bytes;
  /** [rows · blocks] */
  readonly scales: Floats;
  /** Integers; packed as q is, each row from a whole byte on. Absent: 2^(bits − 1). */
  readonly zeroPoints?: Bytes;
  /** [rows · blocks]; only where the columns are whole blocks. Absent: 0. */
  readonly offsets?: Floats;
  /**
   * In place of offsets that are unit · step, in a third of their bytes: a step for each block, [rows · blocks], and a unit for every eight blocks.
   * Integers of four bits in one digit then count from 0: w = scale · q + unit · step.
   */
  readonly steps?: Bytes;
  readonly units?: Floats;
  /** Whether what it is multiplied with may be rounded to eight bits, as it always is with 8 bits. Default: false. */
  readonly roundsInput?: boolean;
}

/** Whether the integers of a matrix are 0 … 15 as they stand, where without zero points 8 would be taken for 0. */
export const countsFromZero = ({ bits, low, steps }: HeldQuantizedMatrix): boolean =>
  bits === 4 && steps !== undefined && low === undefined;

/** A matrix [rows, columns] in floats of 16 bits, row-major, in memory or in a file. */
export interface HalfMatrix {
  readonly half: "float16" | "bfloat16";
  readonly rows: number;
  readonly columns: number;
  readonly values: Uint16Array | FileData;
}

/** A quantized matrix whose arrays may lie in a file. */
export type HeldQuantizedMatrix = QuantizedMatrix<Uint8Array | FileData, Float32Array | FileData>;

/** A matrix that is held in fewer bits than float32 has, in memory or in a file. */
export type HeldMatrix = HeldQuantizedMatrix | HalfMatrix;

/** The arrays of a matrix, row by row each. */
export const MATRIX_PARTS = ["packed", "low", "scales", "offsets", "steps", "units"] as const;

/** The rows of one matrix above those of another, where each array of the other lies right behind its own in a file; else undefined. */
export function stacked(above: HeldMatrix, below: HeldMatrix): HeldQuantizedMatrix | undefined {
  if ("half" in above || "half" in below || above.zeroPoints || below.zeroPoints) return undefined;
  const isAlike = (["bits", "columns", "blockSize", "roundsInput"] as const).every(
    (which) => above[which] === below[which],
  );
  if (!isAlike) return undefined;
  const joined: Record<string, FileData> = {};
  for (const part of MATRIX_PARTS) {
    const [first, second] = [above[part], below[part]];
    if (!first && !second) continue;
    const both = first && second && joinedData(first, second);
    if (!both) return undefined;
    joined[part] = both;
  }
  return { ...above, rows: above.rows + below.rows, ...joined };
}

function joinedData(first: object | FileData, second: object | FileData): FileData | undefined {
  if (!("file" in first && "file" in second)) return undefined;
  if (first.file !== second.file || first.offset + first.byteLength !== second.offset) return undefined;
  return {
    file: first.file,
    offset: first.offset,
    byteLength: first.byteLength + second.byteLength,
    length: first.length + second.length,
  };
}

/**
 * Quantizes a row-major matrix of finite values. Eight bits: each block's range, 0 included, becomes the integers', with a zero
 * point among them. Four bits: the range from the least value to the largest, with an offset, which wastes no level (with a
 * zero point where the columns are no whole blocks).
 */
export function quantizeMatrix(
  data: Float32Array,
  rows: number,
  columns: number,
  bits: 4 | 8,
): QuantizedMatrix {
  const blocks = Math.ceil(columns / QUANTIZED_BLOCK);
  const blockBytes = (QUANTIZED_BLOCK * bits) / 8;
  const zeroBytes = Math.ceil((blocks * bits) / 8);
  const packed = new Uint8Array(rows * blocks * blockBytes);
  const scales = new Float32Array(rows * blocks);
  const withOffsets = bits === 4 && columns % QUANTIZED_BLOCK === 0;
  const offsets = new Float32Array(withOffsets ? rows * blocks : 0);
  const zeroPoints = new Uint8Array(withOffsets ? 0 : rows * zeroBytes);
  const levels = 2 ** bits - 1;
  const padded = new Float32Array(QUANTIZED_BLOCK);
  for (let at = 0; at < rows * blocks; at++) {
    const row = Math.floor(at / blocks);
    const block = at % blocks;
    const place = row * columns + block * QUANTIZED_BLOCK;
    const isWhole = (block + 1) * QUANTIZED_BLOCK <= columns;
    // What fills up a last block is 0, which a zero point stands for exactly.
    if (!isWhole) padded.fill(0).set(data.subarray(place, (row + 1) * columns));
    const values = isWhole ? data : padded;
    const from = isWhole ? place : 0;
    let low = withOffsets ? values[from]! : 0;
    let high = low;
    for (let i = from; i < from + QUANTIZED_BLOCK; i++) {
      const value = values[i]!;
      if (value < low) low = value;
      if (value > high) high = value;
    }
    // Rounded to float32 first: the integers are meant for the scale that is stored.
    const scale = Math.fround((high - low) / levels);
    const inverse = scale === 0 ? 0 : 1 / scale;
    const zero = withOffsets ? -low * inverse : Math.round(-low * inverse);
    scales[at] = scale;
    if (bits === 8) packEight(values, from, inverse, zero, packed, at * blockBytes);
    else packFour(values, from, inverse, zero, packed, at * blockBytes);
    if (withOffsets) offsets[at] = low + 2 ** (bits - 1) * scale;
    else if (bits === 8) zeroPoints[row * zeroBytes + block] = zero;
    else zeroPoints[row * zeroBytes + (block >>> 1)]! |= zero << (4 * (block & 1));
  }
  return { bits, rows, columns, packed, scales, ...(withOffsets ? { offsets } : { zeroPoints }) };
}

// Both add one half and cut off the rest: nothing is below −1/2, so that this rounds.

type Pack = (
  values: Float32Array,
  from: number,
  inverse: number,
  zero: number,
  packed: Uint8Array,
  to: number,
) => void;

const packEight: Pack = (values, from, inverse, zero, packed, to) => {
  for (let i = 0; i < QUANTIZED_BLOCK; i++) {
    const level = (values[from + i]! * inverse + zero + 0.5) | 0;
    packed[to + i] = level > 255 ? 255 : level;
  }
};

/** The first of two in the lower half of their byte. */
const packFour: Pack = (values, from, inverse, zero, packed, to) => {
  for (let i = 0; i < QUANTIZED_BLOCK; i += 2) {
    const first = (values[from + i]! * inverse + zero + 0.5) | 0;
    const second = (values[from + i + 1]! * inverse + zero + 0.5) | 0;
    packed[to + (i >>> 1)] = (first > 15 ? 15 : first) | ((second > 15 ? 15 : second) << 4);
  }
};
