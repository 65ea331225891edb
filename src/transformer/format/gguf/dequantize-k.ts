/** ggml's "K" formats: super-blocks of 256 elements whose sub-blocks have scales of their own, in six or eight bits. */
import { halfAt } from "../../../core/half-precision.js";

const scales = new Float32Array(8);
const minima = new Float32Array(8);
const steps = new Uint8Array(8);
/** The scales and the minima of eight sub-blocks, multiplied out, and the minima in units of dmin; one object, filled anew for each super-block. */
const subBlocks = { scales, minima, steps } as const;

/**
 * d, dmin, and 12 bytes that hold eight pairs of six bits: the first four pairs in the low bits of bytes 0 … 3 and
 * 4 … 7, the others in the nibbles of bytes 8 … 11 with their two high bits on top of the first four's.
 * @returns what the next call overwrites.
 */
export function readScales(bytes: Uint8Array, at: number): typeof subBlocks {
  const d = halfAt(bytes, at);
  const dmin = halfAt(bytes, at + 2);
  const first = at + 4;
  for (let j = 0; j < 4; j++) {
    const a = bytes[first + j]!;
    const b = bytes[first + 4 + j]!;
    const c = bytes[first + 8 + j]!;
    scales[j] = d * (a & 63);
    minima[j] = dmin * (b & 63);
    scales[j + 4] = d * ((c & 15) | ((a >>> 6) << 4));
    minima[j + 4] = dmin * ((c >>> 4) | ((b >>> 6) << 4));
    steps[j] = b & 63;
    steps[j + 4] = (c >>> 4) | ((b >>> 6) << 4);
  }
  return subBlocks;
}

/** Scales, then 128 bytes of nibbles: the low ones of 32 bytes are a sub-block, the high ones the next. */
export function dequantizeQ4K(bytes: Uint8Array, target: Float32Array, offset: number): void {
  for (let at = 0; at < bytes.length; at += 144, offset += 256) {
    readScales(bytes, at);
    for (let pair = 0; pair < 4; pair++) {
      const from = at + 16 + pair * 32;
      const to = offset + pair * 64;
      const [s0, m0] = [scales[2 * pair]!, minima[2 * pair]!];
      const [s1, m1] = [scales[2 * pair + 1]!, minima[2 * pair + 1]!];
      for (let i = 0; i < 32; i++) {
        const q = bytes[from + i]!;
        target[to + i] = s0 * (q & 15) - m0;
        target[to + 32 + i] = s1 * (q >>> 4) - m1;
      }
    }
  }
}

/** As Q4_K, with a fifth bit of each element: bit `j` of 32 bytes belongs to sub-block `j`. */
export function dequantizeQ5K(bytes: Uint8Array, target: Float32Array, offset: number): void {
  for (let at = 0; at < bytes.length; at += 176, offset += 256) {
    readScales(bytes, at);
    const high = at + 16;
    for (let pair = 0; pair < 4; pair++) {
      const from = at + 48 + pair * 32;
      const to = offset + pair * 64;
      const [s0, m0] = [scales[2 * pair]!, minima[2 * pair]!];
      const [s1, m1] = [scales[2 * pair + 1]!, minima[2 * pair + 1]!];
      for (let i = 0; i < 32; i++) {
        const q = bytes[from + i]!;
        const fifth = bytes[high + i]! >>> (2 * pair);
        target[to + i] = s0 * ((q & 15) | ((fifth & 1) << 4)) - m0;
        target[to + 32 + i] = s1 * ((q >>> 4) | ((fifth & 2) << 3)) - m1;
      }
    }
  }
}

/** 128 bytes of low nibbles, 64 of two high bits, 16 signed scales, d: d · scale · (q − 32). */
export function dequantizeQ6K(bytes: Uint8Array, target: Float32Array, offset: number): void {
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; at += 210, offset += 256) {
    const d = halfAt(bytes, at + 208);
    for (let part = 0; part < 2; part++) {
      const low = at + part * 64;
      const high = at + 128 + part * 32;
      const scale = at + 192 + part * 8;
      const to = offset + part * 128;
      for (let i = 0; i < 32; i++) {
        const group = i >>> 4;
        const top = bytes[high + i]!;
        const a = bytes[low + i]!;
        const b = bytes[low + 32 + i]!;
        target[to + i] = d * signed[scale + group]! * (((a & 15) | ((top & 3) << 4)) - 32);
        target[to + 32 + i] = d * signed[scale + 2 + group]! * (((b & 15) | (((top >>> 2) & 3) << 4)) - 32);
        target[to + 64 + i] = d * signed[scale + 4 + group]! * (((a >>> 4) | (((top >>> 4) & 3) << 4)) - 32);
        target[to + 96 + i] = d * signed[scale + 6 + group]! * (((b >>> 4) | ((top >>> 6) << 4)) - 32);
      }
    }
  }
}
