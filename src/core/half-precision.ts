import { halfToEven } from "./half-to-even.js";

let halfTable: Float32Array | undefined;

/** The float32 of every IEEE 754 half: 65,536 entries, built at the first use. */
function halves(): Float32Array {
  if (halfTable !== undefined) return halfTable;
  const table = new Float32Array(1 << 16);
  for (let bits = 0; bits < 1 << 16; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >>> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) table[bits] = sign * fraction * 2 ** -24;
    else if (exponent === 31) table[bits] = fraction === 0 ? sign * Infinity : NaN;
    else table[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  halfTable = table;
  return table;
}

/** The value of an IEEE 754 half-precision number in two little-endian bytes; exact. */
export function halfAt(bytes: Uint8Array, at: number): number {
  return halves()[bytes[at]! | (bytes[at + 1]! << 8)]!;
}

/** Writes the values of IEEE 754 half-precision words to `target` from `offset` on; exact. */
export function halfToFloat(words: Uint16Array, target: Float32Array, offset: number): void {
  const table = halves();
  for (let i = 0; i < words.length; i++) target[offset + i] = table[words[i]!]!;
}

/** The bfloat16 words of values that are such numbers. */
function toBfloats(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const words = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) words[i] = bits[i]! >>> 16;
  return words;
}

/** The words of values that numbers of 16 bits hold exactly, as those of a file of such numbers are. */
export function toWords(type: "float16" | "bfloat16", values: Float32Array): Uint16Array {
  if (type === "bfloat16") return toBfloats(values);
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const words = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const all = bits[i]!;
    const exponent = ((all >>> 23) & 255) - 112;
    const rest = exponent > 0 ? (exponent << 10) | ((all >>> 13) & 1023) : Math.abs(values[i]!) * 2 ** 24;
    words[i] = ((all >>> 16) & 0x8000) | rest;
  }
  return words;
}

/** From this on (65504 and half of a step) the nearest half is infinite; float32's bits, as those below are. */
const BEYOND_HALVES = 0x477ff000;
/** 2^-14, the least half of 11 significant bits. */
const LEAST_NORMAL = 0x38800000;

/**
 * The words of the nearest IEEE 754 halves, of two as near the even one.
 * @returns undefined where a value is too large for one, or not a number.
 */
export function nearestHalves(values: Float32Array): Uint16Array | undefined {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const words = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const size = bits[i]! & 0x7fffffff;
    if (size >= BEYOND_HALVES) return undefined;
    const sign = (bits[i]! >>> 16) & 0x8000;
    // What is cut off is rounded by adding nearly half of the last bit, and all of it where that bit is odd.
    const word =
      size >= LEAST_NORMAL
        ? (size - (112 << 23) + 0xfff + ((size >>> 13) & 1)) >>> 13
        : halfToEven(Math.abs(values[i]!) * 2 ** 24);
    words[i] = sign | word;
  }
  return words;
}

/** Writes the values of bfloat16 words (the upper half of a float32) to `target` from `offset` on; exact. */
export function bfloatToFloat(words: Uint16Array, target: Float32Array, offset: number): void {
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let i = 0; i < words.length; i++) bits[offset + i] = words[i]! << 16;
}
