import type { Engine, ResidentBuffer } from "../../graph/index.js";
import type { KvCacheType } from "./cache-inputs.js";

/** Rows that are copied: from which elements, to which. */
export interface MovedRows {
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/**
 * How much larger buffers are made than what is in them, where that much may come: what is added then is taken in place. Memory that was never
 * written takes none, on the systems that matter, while new memory is cleared and mapped page by page, which took 0.3 of a long draw's time.
 */
const ROOM = 8;

/**
 * The buffers of a part of the cache: one for the keys and one for the values of each layer, all laid out alike. What their rows hold
 * behind their tokens is left as it is: masks hide it.
 */
export class CacheBuffers {
  private readonly held = new Map<string, ResidentBuffer>();

  constructor(
    private readonly engine: Pick<Engine, "buffer" | "keepsBuffers">,
    private readonly names: readonly string[],
    private readonly type: KvCacheType,
  ) {}

  /** By name: `key.0`, `value.0`, … */
  get all(): ReadonlyMap<string, ResidentBuffer> {
    return this.held;
  }

  get(name: string): ResidentBuffer {
    return this.held.get(name)!;
  }

  /**
   * Moves rows of `length` elements to their places in other buffers, of `size` elements, and lets go of the rest.
   * @param most how many elements there may be in time.
   */
  async move(size: number, rows: MovedRows, length: number, most = size): Promise<void> {
    const [from, to] = [Int32Array.from(rows.from), Int32Array.from(rows.to)];
    // One after the other, so that there is never more than one of them twice.
    for (const name of this.names) {
      const other = await this.engine.buffer(this.type, this.roomFor(size, most));
      const old = this.held.get(name);
      if (old) {
        await old.copyTo(other, from, to, length);
        await old.free();
      }
      this.held.set(name, other);
    }
  }

  /**
   * Gives each of `count` rows, of `from` elements so far, room for `to`: in place where the buffers have it.
   * @param most how many each may need in time.
   */
  async spread(count: number, from: number, to: number, most = to): Promise<void> {
    const places = Array.from({ length: from === 0 ? 0 : count }, (_, i) => i);
    const isRoom = this.names.every((name) => (this.held.get(name)?.length ?? 0) >= count * to);
    if (!isRoom || this.engine.keepsBuffers) {
      const rows = { from: places.map((row) => row * from), to: places.map((row) => row * to) };
      return this.move(count * to, rows, from, count * most);
    }
    // The last row first: it is gone before another is put where it was.
    const last = places.reverse();
    const [sources, targets] = [from, to].map((width) => Int32Array.from(last, (row) => row * width));
    await this.each((buffer) => buffer.copyTo(buffer, sources!, targets!, from));
  }

  /** Replaces the first `length` elements of rows by those of others, which are not replaced themselves. */
  async replace(rows: MovedRows, length: number): Promise<void> {
    const [from, to] = [Int32Array.from(rows.from), Int32Array.from(rows.to)];
    await this.each((buffer) => buffer.copyTo(buffer, from, to, length));
  }

  /** Does something with each of the buffers, which are told by their names' places. */
  async each(work: (buffer: ResidentBuffer, place: number) => Promise<void>): Promise<void> {
    await Promise.all(this.names.map((name, place) => work(this.get(name), place)));
  }

  async dispose(): Promise<void> {
    const buffers = [...this.held.values()];
    this.held.clear();
    await Promise.all(buffers.map((buffer) => buffer.free()));
  }

  /** What is fed from a device's buffer is all of it. */
  private roomFor(size: number, most: number): number {
    return this.engine.keepsBuffers ? size : Math.max(size, Math.min(ROOM * size, most));
  }
}
