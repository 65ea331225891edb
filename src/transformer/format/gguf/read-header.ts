/**
 * The bytes of a GGUF header, read one after the other. Lists of texts, which are most of a header, are looked through and not
 * taken apart: a tokenizer has hundreds of thousands of them, and asks for them later, or never.
 */

import { quoted } from "../safetensors-header.js";

const MAX_ENTRIES = 1e5;
const MAX_TENSORS = 1e7;
const MAX_TEXT_BYTES = 1e7;
const MAX_LIST_LENGTH = 1e6;
const MAX_LIST_DEPTH = 4;
const MAX_DIMENSIONS = 8;
const MAX_DIMENSION = 2 ** 32;

/** A list of texts that are made when they are asked for. */
export class TextList {
  private made: readonly string[] | undefined;

  /** @param starts where each text begins in the header. @param ends where it ends. */
  constructor(
    private readonly bytes: Buffer,
    private readonly starts: Uint32Array,
    private readonly ends: Uint32Array,
  ) {}

  get length(): number {
    return this.starts.length;
  }

  at(index: number): string | undefined {
    return this.made?.[index] ?? (index < this.length ? this.textAt(index) : undefined);
  }

  /** All of them; the same array at each call. */
  all(): readonly string[] {
    return (this.made ??= Array.from(this.starts, (_, i) => this.textAt(i)));
  }

  /** The place of the first that is a text; −1 where none is. */
  indexOf(text: string): number {
    const wanted = Buffer.from(text);
    for (let i = 0; i < this.length; i++) {
      const [start, end] = [this.starts[i]!, this.ends[i]!];
      if (end - start === wanted.length && wanted.compare(this.bytes, start, end) === 0) return i;
    }
    return -1;
  }

  private textAt(index: number): string {
    return this.bytes.toString("utf8", this.starts[index], this.ends[index]);
  }
}

/** Where a tensor's bytes begin behind the header, its shape (innermost dimension first), and ggml's number of its type. */
export interface TensorInfo {
  readonly name: string;
  readonly shape: readonly bigint[];
  readonly dtype: number;
  readonly offset: bigint;
}

export interface RawHeader {
  /** Numbers (64-bit ones as bigints), texts, booleans, lists of these, and `TextList`s. */
  readonly metadata: ReadonlyMap<string, unknown>;
  readonly tensors: readonly TensorInfo[];
  /** Bytes up to the last tensor's entry. */
  readonly bytes: number;
}

/**
 * Reads a little-endian header of version 2 or 3.
 * @param bytes the file's beginning.
 * @throws RangeError where it goes on behind them, Error with what is wrong with it.
 */
export function parseHeader(bytes: Buffer): RawHeader {
  const reader = new Reader(bytes);
  const tensorCount = reader.size("Tensor count", MAX_TENSORS);
  const entries = reader.size("KV metadata count", MAX_ENTRIES);
  const metadata = new Map<string, unknown>();
  for (let i = 0; i < entries; i++) {
    const key = reader.text();
    if (metadata.has(key)) throw new Error("it has the same key twice");
    metadata.set(key, reader.value(reader.u32()));
  }
  const tensors = Array.from({ length: tensorCount }, () => reader.tensor());
  return { metadata, tensors, bytes: reader.at };
}

/** ggml's numbers of the kinds of values. */
const TEXT = 8;
const LIST = 9;

class Reader {
  /** Behind the four letters and the version. */
  at = 8;

  constructor(private readonly bytes: Buffer) {}

  u32(): number {
    return this.bytes.readUInt32LE(this.step(4));
  }

  private u64(): bigint {
    return this.bytes.readBigUInt64LE(this.step(8));
  }

  /** A count, or a length. */
  size(what: string, most: number): number {
    const low = this.bytes.readUInt32LE(this.step(8));
    const high = this.bytes.readUInt32LE(this.at - 4);
    const size = high * 2 ** 32 + low;
    if (size > most) throw new Error(`${what} ${size} exceeds maximum allowed (${most})`);
    return size;
  }

  /** Passes over a text. @returns where it begins; it ends here. */
  private pass(): number {
    const length = this.size("String length", MAX_TEXT_BYTES);
    return this.step(length);
  }

  text(): string {
    const start = this.pass();
    return this.bytes.toString("utf8", start, this.at);
  }

  value(kind: number, depth = 0): unknown {
    const { bytes } = this;
    switch (kind) {
      case 0:
        return bytes.readUInt8(this.step(1));
      case 1:
        return bytes.readInt8(this.step(1));
      case 2:
        return bytes.readUInt16LE(this.step(2));
      case 3:
        return bytes.readInt16LE(this.step(2));
      case 4:
        return this.u32();
      case 5:
        return bytes.readInt32LE(this.step(4));
      case 6:
        return bytes.readFloatLE(this.step(4));
      case 7:
        return bytes.readUInt8(this.step(1)) !== 0;
      case TEXT:
        return this.text();
      case LIST:
        return this.list(depth);
      case 10:
        return this.u64();
      case 11:
        return bytes.readBigInt64LE(this.step(8));
      case 12:
        return bytes.readDoubleLE(this.step(8));
      default:
        throw new Error(`Unsupported metadata type: ${kind}`);
    }
  }

  private list(depth: number): unknown {
    if (depth >= MAX_LIST_DEPTH)
      throw new Error(`Nested ARRAY depth ${depth} exceeds maximum allowed (${MAX_LIST_DEPTH})`);
    const kind = this.u32();
    const length = this.size("Metadata array length", MAX_LIST_LENGTH);
    if (kind === TEXT) return this.texts(length);
    const values: unknown[] = [];
    for (let i = 0; i < length; i++) values.push(this.value(kind, depth + 1));
    return values;
  }

  private texts(length: number): TextList {
    // A text takes eight bytes at least, so that no more is allocated than there is.
    if (8 * length > this.bytes.length - this.at) throw new RangeError("texts behind the end");
    const starts = new Uint32Array(length);
    const ends = new Uint32Array(length);
    for (let i = 0; i < length; i++) {
      starts[i] = this.pass();
      ends[i] = this.at;
    }
    return new TextList(this.bytes, starts, ends);
  }

  tensor(): TensorInfo {
    const name = this.text();
    const dimensions = this.u32();
    if (dimensions > MAX_DIMENSIONS)
      throw new Error(
        `Tensor ${quoted(name)} n_dims ${dimensions} exceeds maximum allowed (${MAX_DIMENSIONS})`,
      );
    const shape = Array.from({ length: dimensions }, () => {
      const size = this.u64();
      if (size > MAX_DIMENSION)
        throw new Error(
          `Tensor ${quoted(name)} dimension ${size} exceeds maximum allowed (${MAX_DIMENSION})`,
        );
      return size;
    });
    return { name, shape, dtype: this.u32(), offset: this.u64() };
  }

  /** Goes on. @returns where it was. @throws RangeError behind the end. */
  private step(bytes: number): number {
    const from = this.at;
    if (from + bytes > this.bytes.length) throw new RangeError("behind the end");
    this.at = from + bytes;
    return from;
  }
}
