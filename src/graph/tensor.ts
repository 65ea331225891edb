import type { DataType, InitializerData } from "./graph.js";
import { compact, type ResidentBuffer } from "./resident-buffer.js";

/** A tensor's values, row-major. */
export interface Tensor {
  readonly type: DataType;
  readonly dims: readonly number[];
  readonly data: InitializerData;
}

/** A resident buffer fed as a tensor: its first elements, in the given dimensions. */
export interface BufferFeed {
  readonly buffer: ResidentBuffer;
  readonly dims: readonly number[];
}

/** After a run, row i of an output (rows of `length` elements) is copied to offset `to[i]` of a buffer; < 0: skipped. */
export interface Store {
  readonly output: string;
  readonly buffer: ResidentBuffer;
  readonly to: Int32Array;
  readonly length: number;
}

/** What stands for a fed tensor in a request to run. */
export function sentFeed(feed: Tensor | BufferFeed): object {
  if (!("buffer" in feed)) return { ...feed, data: compact(feed.data) };
  const { buffer, dims } = feed;
  const length = dims.reduce((product, dim) => product * dim, 1);
  return { buffer: buffer.id, type: buffer.type, dims, length };
}

/** What stands for a store in a request to run. */
export function sentStore({ buffer, ...store }: Store): object {
  return { ...store, buffer: buffer.id };
}
