/**
 * The block formats of GGUF tensors, as ggml lays them out, turned into float32. A row of a tensor is a whole number of
 * blocks; a block holds its elements' small integers and the half-precision scales that they share. The products are
 * exact in float32, so the values are those of ggml's own reference, and of Python's `gguf`, to the last bit.
 * Little-endian, as the files that are read.
 */
import { bfloatToFloat, halfAt, halfToFloat } from "../../../core/half-precision.js";
import { dequantizeQ4K, dequantizeQ5K, dequantizeQ6K } from "./dequantize-k.js";

/** Turns whole blocks into float32. @param target receives them from `offset` on. */
export type Dequantize = (bytes: Uint8Array, target: Float32Array, offset: number) => void;

/** How a tensor's elements are stored. */
export interface BlockFormat {
  readonly name: string;
  /** Elements of a block. */
  readonly elements: number;
  /** Bytes of a block. */
  readonly bytes: number;
  readonly dequantize: Dequantize;
}

function plain(name: string, bytes: number, dequantize: Dequantize): BlockFormat {
  return { name, elements: 1, bytes, dequantize };
}

/** A view of the bytes as words; copied where they do not begin at a word's boundary. */
function words(bytes: Uint8Array): Uint16Array {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length / 2);
}

/** 32 bits, the lowest first. */
function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function dequantizeF32(bytes: Uint8Array, target: Float32Array, offset: number): void {
  new Uint8Array(target.buffer, target.byteOffset + offset * 4, bytes.length).set(bytes);
}

/** d, 16 bytes of two nibbles: d · (q − 8). */
function dequantizeQ40(bytes: Uint8Array, target: Float32Array, offset: number): void {
  for (let at = 0; at < bytes.length; at += 18, offset += 32) {
    const d = halfAt(bytes, at);
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + 2 + i]!;
      target[offset + i] = d * ((pair & 15) - 8);
      target[offset + 16 + i] = d * ((pair >>> 4) - 8);
    }
  }
}

/** d, m, 16 bytes of two nibbles: d · q + m. */
function dequantizeQ41(bytes: Uint8Array, target: Float32Array, offset: number): void {
  for (let at = 0; at < bytes.length; at += 20, offset += 32) {
    const d = halfAt(bytes, at);
    const m = halfAt(bytes, at + 2);
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + 4 + i]!;
      target[offset + i] = d * (pair & 15) + m;
      target[offset + 16 + i] = d * (pair >>> 4) + m;
    }
  }
}

/** d, 32 fifth bits, 16 bytes of two nibbles: d · (q − 16). */
function dequantizeQ50(bytes: Uint8Array, target: Float32Array, offset: number): void {
  for (let at = 0; at < bytes.length; at += 22, offset += 32) {
    const d = halfAt(bytes, at);
    const high = wordAt(bytes, at + 2);
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + 6 + i]!;
      target[offset + i] = d * (((pair & 15) | (((high >>> i) & 1) << 4)) - 16);
      target[offset + 16 + i] = d * (((pair >>> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16);
    }
  }
}

/** d, m, 32 fifth bits, 16 bytes of two nibbles: d · q + m. */
function dequantizeQ51(bytes: Uint8Array, target: Float32Array, offset: number): void {
  for (let at = 0; at < bytes.length; at += 24, offset += 32) {
    const d = halfAt(bytes, at);
    const m = halfAt(bytes, at + 2);
    const high = wordAt(bytes, at + 4);
    for (let i = 0; i < 16; i++) {
      const pair = bytes[at + 8 + i]!;
      target[offset + i] = d * ((pair & 15) | (((high >>> i) & 1) << 4)) + m;
      target[offset + 16 + i] = d * ((pair >>> 4) | (((high >>> (i + 16)) & 1) << 4)) + m;
    }
  }
}

/** d, 32 signed bytes: d · q. */
function dequantizeQ80(bytes: Uint8Array, target: Float32Array, offset: number): void {
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; at += 34, offset += 32) {
    const d = halfAt(bytes, at);
    for (let i = 0; i < 32; i++) target[offset + i] = d * signed[at + 2 + i]!;
  }
}

/** The formats that can be read, by ggml's number for the type. */
export const blockFormats: ReadonlyMap<number, BlockFormat> = new Map([
  [0, plain("F32", 4, dequantizeF32)],
  [1, plain("F16", 2, (bytes, target, offset) => halfToFloat(words(bytes), target, offset))],
  [30, plain("BF16", 2, (bytes, target, offset) => bfloatToFloat(words(bytes), target, offset))],
  [2, { name: "Q4_0", elements: 32, bytes: 18, dequantize: dequantizeQ40 }],
  [3, { name: "Q4_1", elements: 32, bytes: 20, dequantize: dequantizeQ41 }],
  [6, { name: "Q5_0", elements: 32, bytes: 22, dequantize: dequantizeQ50 }],
  [7, { name: "Q5_1", elements: 32, bytes: 24, dequantize: dequantizeQ51 }],
  [8, { name: "Q8_0", elements: 32, bytes: 34, dequantize: dequantizeQ80 }],
  [12, { name: "Q4_K", elements: 256, bytes: 144, dequantize: dequantizeQ4K }],
  [13, { name: "Q5_K", elements: 256, bytes: 176, dequantize: dequantizeQ5K }],
  [14, { name: "Q6_K", elements: 256, bytes: 210, dequantize: dequantizeQ6K }],
]);
