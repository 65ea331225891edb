import { GraphError } from "../core/errors.js";
import type { DataType, InitializerData } from "./graph.js";

/** The way to the engine's thread. */
export interface Requests {
  /** Whether the thread has ended, and everything in it with it. */
  readonly hasEnded: boolean;
  /** Sends a request and waits for its answer; rejects with a GraphError. */
  request<T>(kind: string, message: object): Promise<T>;
  /** Whether buffers are in a device's memory. */
  readonly keepsBuffers: boolean;
  /** Asked before a run that stores outputs in `count` such buffers, row by row. */
  prepareStores(count: number): Promise<void>;
}

/** The typed array that holds each type's elements. */
export const ARRAYS = {
  float32: Float32Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
  uint8: Uint8Array,
  int8: Int8Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
} satisfies Record<DataType, unknown>;

/** A view as an array of its own: posting a view to the worker would copy all of the buffer behind it. */
export function compact<T extends InitializerData>(data: T): T {
  return data.byteLength === data.buffer.byteLength ? data : (data.slice() as T);
}

/** A typed array in the engine's worker. Calls after `free()` reject; a second `free()` does nothing. */
export class ResidentBuffer {
  private freed = false;

  constructor(
    private readonly engine: Requests,
    /** @internal */
    readonly id: number,
    readonly type: DataType,
    readonly length: number,
  ) {}

  get byteLength(): number {
    return this.length * ARRAYS[this.type].BYTES_PER_ELEMENT;
  }

  /** Overwrites elements from `offset` on. */
  write(data: InitializerData, offset = 0): Promise<void> {
    if (!(data instanceof ARRAYS[this.type])) {
      return Promise.reject(
        new GraphError(`A buffer of ${this.type} cannot take a ${data.constructor.name}.`),
      );
    }
    if (offset < 0 || offset + data.length > this.length) {
      return Promise.reject(
        new GraphError(
          `A write of ${data.length} elements at ${offset} does not fit a buffer of ${this.length}.`,
        ),
      );
    }
    return this.request("write", { data: compact(data), offset });
  }

  /** A copy of the elements in [start, end). */
  read(start = 0, end = this.length): Promise<InitializerData> {
    return this.request("read", { start, end });
  }

  /**
   * Copies rows of `length` elements from offsets `from` here to offsets `to` in `target`, in their order; a negative
   * `to` skips its row. Rejects, with rows before it copied, at a row that is not within both buffers.
   */
  copyTo(target: ResidentBuffer, from: Int32Array, to: Int32Array, length: number): Promise<void> {
    if (target.freed) return Promise.reject(new GraphError("The buffer to copy to was freed."));
    if (target.type !== this.type || from.length !== to.length) {
      return Promise.reject(
        new GraphError(
          `Rows do not copy from ${this.type} at ${from.length} places to ${target.type} at ${to.length}.`,
        ),
      );
    }
    return this.request("copy", { target: target.id, from, to, length });
  }

  async free(): Promise<void> {
    if (this.freed) return;
    this.freed = true;
    if (!this.engine.hasEnded) await this.engine.request("free", { buffer: this.id });
  }

  private request<T>(kind: string, message: object): Promise<T> {
    if (this.freed) return Promise.reject(new GraphError("The buffer was freed; make a new one."));
    return this.engine.request(kind, { buffer: this.id, ...message });
  }

  /** @internal */
  get isFreed(): boolean {
    return this.freed;
  }
}
