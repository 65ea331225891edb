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

/** A stored block's bytes from `at` on, and the halves of the same bytes, two each. */
interface Stored {
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
}

/** Reads a stored block's scales, and offsets, into those of the matrix's blocks from `block` on. */
type Scale = (bytes: Uint8Array, at: number, matrix: QuantizedMatrix, block: number) => void;

/**
 * Reads a stored block's integers, four a word, the first in the lowest byte, counted from what stands for zero: 8 where they have four
 * bits, 128 where they have more.
 */
type Unpack = (stored: Stored, at: number, words: Uint32Array) => void;

/** Four bytes from an even place on. */
const wordAt = ({ halves }: Stored, at: number): number =>
  halves[at >>> 1]! | (halves[(at >>> 1) + 1]! << 16);

const lowHalves = (word: number): number => word & 0x0f0f0f0f;
const highHalves = (word: number): number => (word >>> 4) & 0x0f0f0f0f;

/** Four integers of four bits, a byte each, in two bytes. */
function pairs(nibbles: number): number {
  const joined = nibbles | (nibbles >>> 4);
  return (joined & 0xff) | ((joined >>> 8) & 0xff00);
}

/** For four bits, four bytes of which each has its bit as the fifth. */
const FIFTHS = Int32Array.from({ length: 16 }, (_, bits) =>
  [0, 1, 2, 3].reduce((word, i) => word | (((bits >>> i) & 1) << (8 * i + 4)), 0),
);

/** 32 integers of four bits: the lower halves of 16 bytes, then the upper ones. */
const unpackHalves =
  (from: number): Unpack =>
  (stored, at, words) => {
    for (let i = 0; i < 4; i++) {
      const word = wordAt(stored, at + from + 4 * i);
      words[i] = lowHalves(word);
      words[4 + i] = highHalves(word);
    }
  };

/** The same with a fifth bit, counted from `least`, which is in each byte. */
const unpackFive =
  (from: number, least: number): Unpack =>
  (stored, at, words) => {
    const high = wordAt(stored, at + from);
    for (let i = 0; i < 4; i++) {
      const word = wordAt(stored, at + from + 4 + 4 * i);
      words[i] = (lowHalves(word) | FIFTHS[(high >>> (4 * i)) & 15]!) + least;
      words[4 + i] = (highHalves(word) | FIFTHS[(high >>> (16 + 4 * i)) & 15]!) + least;
    }
  };

const unpackQ80: Unpack = (stored, at, words) => {
  // From −128 … 127 to 0 … 255.
  for (let i = 0; i < 8; i++) words[i] = wordAt(stored, at + 2 + 4 * i) ^ 0x80808080;
};

/** Eight times 32: the lower halves of 32 bytes, then the upper ones. */
const unpackQ4K: Unpack = (stored, at, words) => {
  for (let part = 0; part < 4; part++) {
    for (let i = 0; i < 8; i++) {
      const word = wordAt(stored, at + 16 + 32 * part + 4 * i);
      words[16 * part + i] = lowHalves(word);
      words[16 * part + 8 + i] = highHalves(word);
    }
  }
};

/** As Q4_K, with a fifth bit each: bit j of 32 bytes belongs to the j-th 32. */
const unpackQ5K: Unpack = (stored, at, words) => {
  for (let j = 0; j < 8; j++) {
    for (let i = 0; i < 8; i++) {
      const nibbles = lowHalves(wordAt(stored, at + 48 + 32 * (j >>> 1) + 4 * i) >>> (4 * (j & 1)));
      const fifth = (wordAt(stored, at + 16 + 4 * i) >>> j) & 0x01010101;
      words[8 * j + i] = nibbles | (fifth << 4) | 0x80808080;
    }
  }
};

/** Sixteen times 16: quarters of 32 values take the lower halves of 64 bytes, then the upper ones, and two bits each of 32. */
const unpackQ6K: Unpack = (stored, at, words) => {
  for (let j = 0; j < 16; j++) {
    const [part, quarter, group] = [j >>> 3, (j >>> 1) & 3, j & 1];
    const nibbles = at + part * 64 + (quarter & 1) * 32 + group * 16;
    const tops = at + 128 + part * 32 + group * 16;
    for (let i = 0; i < 4; i++) {
      const low = lowHalves(wordAt(stored, nibbles + 4 * i) >>> (4 * (quarter >>> 1)));
      const top = (wordAt(stored, tops + 4 * i) >>> (2 * quarter)) & 0x03030303;
      // What stands for zero among 0 … 63 is 32.
      words[4 * j + i] = (low | (top << 4)) + 0x60606060;
    }
  }
};

const scaleAlone: Scale = (bytes, at, { scales }, block) => {
  scales[block] = halfAt(bytes, at);
};

/** A scale and an offset, of integers that count from `zero`. */
const scaleAndOffset =
  (zero: number): Scale =>
  (bytes, at, { scales, offsets }, block) => {
    const d = halfAt(bytes, at);
    scales[block] = d;
    offsets![block] = halfAt(bytes, at + 2) + zero * d;
  };

/** The scales of eight blocks, and their minima as steps of one unit. */
const scalesAndSteps: Scale = (bytes, at, matrix, block) => {
  const { scales, steps } = readScales(bytes, at);
  matrix.scales.set(scales, block);
  matrix.steps!.set(steps, block);
  matrix.units![block / BLOCKS_OF_UNIT] = -halfAt(bytes, at + 2);
};

const scalesOfQ6K: Scale = (bytes, at, { scales }, block) => {
  const d = halfAt(bytes, at + 208);
  for (let j = 0; j < 16; j++) scales[block + j] = d * ((bytes[at + 192 + j]! << 24) >> 24);
};

interface Kept {
  readonly scale: Scale;
  readonly unpack: Unpack;
  readonly hasOffsets?: boolean;
  /** Whether offsets are steps of units. */
  readonly hasSteps?: boolean;
  /** Whether integers have more than four bits. */
  readonly isWide?: boolean;
  readonly blockSize?: 16;
}

const KEPT: Readonly<Record<string, Kept>> = {
  Q4_0: { scale: scaleAlone, unpack: unpackHalves(2) },
  Q4_1: { scale: scaleAndOffset(MIDDLE), unpack: unpackHalves(4), hasOffsets: true },
  // d · (q − 16), and d · q with an offset.
  Q5_0: { scale: scaleAlone, unpack: unpackFive(2, 0x70707070), isWide: true },
  Q5_1: { scale: scaleAndOffset(0), unpack: unpackFive(4, 0x80808080), isWide: true, hasOffsets: true },
  Q8_0: { scale: scaleAlone, unpack: unpackQ80, isWide: true },
  Q4_K: { scale: scalesAndSteps, unpack: unpackQ4K, hasSteps: true },
  Q5_K: { scale: scalesAndSteps, unpack: unpackQ5K, isWide: true, hasSteps: true },
  Q6_K: { scale: scalesOfQ6K, unpack: unpackQ6K, isWide: true, blockSize: 16 },
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
  const { hasOffsets = false, hasSteps = false, isWide = false, blockSize = QUANTIZED_BLOCK } = kept;
  const perBlock = 4 + (hasOffsets ? 4 : 0) + (hasSteps ? 1 + 4 / BLOCKS_OF_UNIT : 0);
  return (elements * (isWide ? 2 : 1)) / 2 + (elements / blockSize) * perBlock;
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
  const { hasOffsets = false, hasSteps = false, isWide = false, blockSize } = kept;
  const size = blockSize ?? QUANTIZED_BLOCK;
  const blocks = rows * (columns / size);
  const bits = isWide && roundsInput ? 8 : 4;
  return {
    bits,
    rows,
    columns,
    ...(blockSize !== undefined && { blockSize }),
    packed: new Uint8Array((blocks * size * bits) / 8),
    ...(isWide && !roundsInput && { low: new Uint8Array((blocks * size) / 2) }),
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
export function keepRows(
  format: BlockFormat,
  stored: Uint8Array,
  matrix: QuantizedMatrix,
  row: number,
): void {
  const { scale, unpack, blockSize = QUANTIZED_BLOCK } = KEPT[format.name]!;
  const bytes = stored.byteOffset % 2 === 0 ? stored : stored.slice();
  const both = { bytes, halves: halvesOf(bytes) };
  const words = new Uint32Array(format.elements / 4);
  const put = putter(matrix);
  let block = row * (matrix.columns / blockSize);
  for (let at = 0; at < bytes.length; at += format.bytes) {
    scale(bytes, at, matrix, block);
    unpack(both, at, words);
    put(words, (block * blockSize) / 4);
    block += format.elements / blockSize;
  }
}

const halvesOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Uint16Array =>
  new Uint16Array(buffer, byteOffset, byteLength / 2);

/** Puts words of four integers each into a matrix, from word `to` of all on. */
function putter({ bits, packed, low }: QuantizedMatrix): (words: Uint32Array, to: number) => void {
  if (bits === 8) {
    const whole = new Uint32Array(packed.buffer, packed.byteOffset, packed.byteLength / 4);
    return (words, to) => {
      for (let i = 0; i < words.length; i++) whole[to + i] = words[i]!;
    };
  }
  const upper = halvesOf(packed);
  if (!low) {
    return (words, to) => {
      for (let i = 0; i < words.length; i++) upper[to + i] = pairs(words[i]!);
    };
  }
  const lower = halvesOf(low);
  return (words, to) => {
    for (let i = 0; i < words.length; i++) {
      upper[to + i] = pairs(highHalves(words[i]!));
      lower[to + i] = pairs(lowHalves(words[i]!));
    }
  };
}
