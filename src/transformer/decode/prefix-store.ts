import { createHash } from "node:crypto";
import type { Engine, ResidentBuffer, Store } from "../../graph/index.js";
import { windowHides } from "../decoder/attention.js";
import type { ModelConfig } from "../families/config.js";
import { runBlock } from "./block-pass.js";
import type { KvCacheType } from "./cache-inputs.js";
import type { PrefixPasses, PrefixPlaces } from "./prefix-passes.js";

/** Tokens of a block. Prompts that begin alike share whole blocks. */
const BLOCK = 64;

/** The keys and values of a block: rows [names, kvHeads] of its tokens' [t, d]. */
interface Entry {
  readonly buffer: ResidentBuffer;
  readonly tokens: number;
}

/** What a store has done so far. */
export interface PrefixCounts {
  /** Bytes that it holds. */
  readonly bytes: number;
  /** Tokens of prompts whose keys and values were there, and that were computed. */
  readonly found: number;
  readonly computed: number;
}

/**
 * Keys and values of prompts that were seen, kept in blocks, the least recently used let go of first. A prompt is computed block by
 * block whether anything of it is there or not, each by a graph whose shapes are the block's place alone: what is computed anew is
 * what was kept, to the bit, so that a response does not depend on what others asked before. Against a pass over the whole prompt, it
 * differs by float32's rounding.
 */
export class PrefixStore {
  /** In the order of their last use. */
  private readonly entries = new Map<string, Entry>();
  private readonly names: readonly string[];
  private readonly hides: boolean;
  private readonly counted = { bytes: 0, found: 0, computed: 0 };
  private turn: Promise<unknown> = Promise.resolve();

  /** @param limits the longest sequence, and the bytes beyond which what is kept is let go of, once a prompt is done. */
  constructor(
    private readonly engine: Engine,
    private readonly config: ModelConfig,
    private readonly limits: { readonly maxLength: number; readonly maxBytes: number },
    private readonly kvCache: KvCacheType = "float32",
  ) {
    this.names = Array.from({ length: config.layers }, (_, layer) => [
      `key.${layer}`,
      `value.${layer}`,
    ]).flat();
    this.hides = windowHides(config, limits.maxLength);
  }

  get counts(): PrefixCounts {
    return { ...this.counted };
  }

  /** Puts a prompt's keys and values in their places. */
  fill(tokens: readonly number[], places: PrefixPlaces, passes: PrefixPasses): Promise<void> {
    // One after the other: nothing is let go of while it is being copied.
    const filled = this.turn.then(() => this.fillNow(tokens, places, passes));
    this.turn = filled.catch(() => undefined);
    return filled;
  }

  private async fillNow(
    tokens: readonly number[],
    places: PrefixPlaces,
    passes: PrefixPasses,
  ): Promise<void> {
    const past = new Past(this.engine, this.config, this.names, this.kvCache);
    const used: [string, Entry][] = [];
    let key = "";
    try {
      for (let from = 0; from < tokens.length; from += BLOCK) {
        const block = tokens.slice(from, from + BLOCK);
        key = createHash("sha256")
          .update(`${key} ${block.join(" ")}`)
          .digest("base64");
        let entry = this.entries.get(key);
        this.counted[entry ? "found" : "computed"] += block.length;
        if (!entry) {
          if (from > 0) await past.take(used.map(([, each]) => each));
          entry = await this.compute(block, from, past, passes);
          this.entries.set(key, entry);
          this.counted.bytes += entry.buffer.byteLength;
        }
        used.push([key, entry]);
        await this.copy(entry, from, places);
      }
    } finally {
      await past.free();
      await this.keep(used);
    }
  }

  private async compute(
    block: readonly number[],
    from: number,
    past: Past,
    passes: PrefixPasses,
  ): Promise<Entry> {
    const { kvHeads, headDim } = this.config;
    const t = block.length;
    const buffer = await this.engine.buffer(this.kvCache, this.names.length * kvHeads * t * headDim);
    const stores: Store[] = this.names.map((output, n) => {
      const to = Int32Array.from({ length: t * kvHeads }, (_, i) => {
        const [at, head] = [Math.floor(i / kvHeads), i % kvHeads];
        return ((n * kvHeads + head) * t + at) * headDim;
      });
      return { output, buffer, to, length: headDim };
    });
    const { config, kvCache, hides } = this;
    const what = { ids: block, from, capacity: past.capacity, past: (name: string) => past.of(name) };
    try {
      await runBlock(passes, { config, kvCache, hides }, what, stores);
    } catch (error) {
      await buffer.free();
      throw error;
    }
    return { buffer, tokens: t };
  }

  private async copy({ buffer, tokens }: Entry, from: number, places: PrefixPlaces): Promise<void> {
    const { kvHeads, headDim } = this.config;
    const rows = places.groups.flatMap((group) =>
      Array.from({ length: kvHeads }, (_, head) => ({
        head,
        to: ((group * kvHeads + head) * places.length + from) * headDim,
      })),
    );
    const to = Int32Array.from(rows, (row) => row.to);
    const copies = this.names.map((name, n) => {
      const sources = Int32Array.from(rows, ({ head }) => (n * kvHeads + head) * tokens * headDim);
      return buffer.copyTo(places.buffers.get(name)!, sources, to, tokens * headDim);
    });
    await Promise.all(copies);
  }

  /** Counts blocks as used now, a beginning later than what follows it, and lets go of what is too much. */
  private async keep(used: readonly [string, Entry][]): Promise<void> {
    for (const [key, entry] of [...used].reverse()) {
      this.entries.delete(key);
      this.entries.set(key, entry);
    }
    for (const [key, { buffer }] of this.entries) {
      if (this.counted.bytes <= this.limits.maxBytes) return;
      this.entries.delete(key);
      this.counted.bytes -= buffer.byteLength;
      await buffer.free();
    }
  }
}

/** The blocks before one that is computed, laid together: by name [1, kvHeads, capacity, d]. */
class Past {
  private readonly buffers = new Map<string, ResidentBuffer>();
  /** Blocks that it has room for, a power of two that the number of blocks before fixes, and those that it holds. */
  private room = 0;
  private held = 0;

  constructor(
    private readonly engine: Engine,
    private readonly config: ModelConfig,
    private readonly names: readonly string[],
    private readonly kvCache: KvCacheType,
  ) {}

  get capacity(): number {
    return this.room * BLOCK;
  }

  of(name: string): ResidentBuffer {
    return this.buffers.get(name)!;
  }

  /** Holds these whole blocks; what it held before is their beginning. */
  async take(blocks: readonly Entry[]): Promise<void> {
    const { kvHeads, headDim } = this.config;
    const room = 2 ** Math.ceil(Math.log2(blocks.length));
    if (room > this.room) {
      await this.free();
      for (const name of this.names)
        this.buffers.set(name, await this.engine.buffer(this.kvCache, kvHeads * room * BLOCK * headDim));
      [this.room, this.held] = [room, 0];
    }
    const length = BLOCK * headDim;
    for (; this.held < blocks.length; this.held++) {
      const heads = Array.from({ length: kvHeads }, (_, head) => head);
      const to = Int32Array.from(heads, (head) => (head * this.room + this.held) * length);
      const copies = this.names.map((name, n) => {
        const from = Int32Array.from(heads, (head) => (n * kvHeads + head) * length);
        return blocks[this.held]!.buffer.copyTo(this.of(name), from, to, length);
      });
      await Promise.all(copies);
    }
  }

  async free(): Promise<void> {
    const buffers = [...this.buffers.values()];
    this.buffers.clear();
    await Promise.all(buffers.map((buffer) => buffer.free()));
  }
}
