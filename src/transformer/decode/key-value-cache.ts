import { joinRecords } from "../../core/join-records.js";
import type { BufferFeed, Engine, ResidentBuffer, Store, Tensor } from "../../graph/index.js";
import type { AdapterFeeds } from "../decoder/adapter-feeds.js";
import { HIDDEN } from "../decoder/hidden.js";
import { roundUp, type CacheLayout, type Relayout } from "./batch-layout.js";
import { CacheBuffers, type MovedRows } from "./cache-buffers.js";
import type { KvCacheType } from "./cache-inputs.js";
import type { ModelConfig } from "../families/config.js";
import { prefixFeeds, type PrefixPasses } from "./prefix-passes.js";
import type { PrefixStore } from "./prefix-store.js";
import type { Runs } from "./whole-session.js";

/** Places of a prefix or a suffix are a multiple of this many tokens. */
const BLOCK = 16;
/** How much longer the suffix part gets at least where it has to grow. */
const GROWTH = 9 / 8;

type Kind = "key" | "value";

/** What a row had behind it, as `copyOut` copied it. */
export interface RowCopy {
  readonly buffer: ResidentBuffer;
  readonly steps: number;
}

/**
 * Keys and values of earlier tokens, in resident buffers, so that a decoding step copies nothing but the new token's.
 * Prefix: [groups, kvHeads, p, d], one per prompt; suffix: [groups, kvHeads, rows, s, d], one per row. Both grow in
 * blocks; what is not filled yet is hidden by masks.
 */
export class KeyValueCache {
  private prefixLength = 0;
  private suffixLength = 0;
  /** How long the suffix part may get. */
  private longest = 0;
  private readonly prefix: CacheBuffers;
  private readonly suffix: CacheBuffers;
  private readonly names: readonly string[];

  constructor(
    private readonly engine: Pick<Engine, "buffer" | "keepsBuffers">,
    private readonly config: ModelConfig,
    private layout: CacheLayout,
    /** Where prompts' keys and values are kept beyond the batch. Absent: nowhere. */
    private readonly store?: PrefixStore,
    private readonly type: KvCacheType = "float32",
  ) {
    const kinds: readonly Kind[] = ["key", "value"];
    this.names = Array.from({ length: config.layers }, (_, layer) =>
      kinds.map((kind) => `${kind}.${layer}`),
    ).flat();
    this.prefix = new CacheBuffers(engine, this.names, type);
    this.suffix = new CacheBuffers(engine, this.names, type);
  }

  /** Computes prompts' keys and values and puts them in their groups' places. */
  async fillPrefixes(
    prefixes: readonly { readonly group: number; readonly tokens: readonly number[] }[],
    passes: PrefixPasses,
  ): Promise<void> {
    const longest = Math.max(1, ...prefixes.map(({ tokens }) => tokens.length));
    if (longest > this.prefixLength) await this.growPrefix(roundUp(longest, BLOCK));
    // Groups that open with the same prompt share one row of the pass.
    const distinct = new Map<string, { tokens: readonly number[]; groups: number[] }>();
    for (const { group, tokens } of prefixes) {
      if (tokens.length === 0) continue;
      const key = tokens.join(",");
      const entry = distinct.get(key) ?? { tokens, groups: [] };
      entry.groups.push(group);
      distinct.set(key, entry);
    }
    // A pass for each prompt, unpadded: the products of a larger pass are split among threads by its size, and round
    // otherwise, so that a prompt's keys would depend on which others opened with it.
    for (const { tokens, groups } of distinct.values()) {
      const places = { buffers: this.prefix.all, groups, length: this.prefixLength };
      if (this.store) await this.store.fill(tokens, places, passes);
      else if (passes.inBlocks && tokens.length > passes.inBlocks.beyond)
        await passes.inBlocks.fill(tokens, places, roundUp(tokens.length, BLOCK));
      else await this.runPrefixPass(tokens, groups, await passes.prefix(), passes.adapter);
    }
  }

  private async runPrefixPass(
    tokens: readonly number[],
    groups: readonly number[],
    session: Runs,
    adapter: AdapterFeeds | undefined,
  ): Promise<void> {
    const { kvHeads, headDim } = this.config;
    const stores: Store[] = [];
    for (const group of groups) {
      const to = new Int32Array(tokens.length * kvHeads);
      for (let t = 0; t < tokens.length; t++) {
        for (let h = 0; h < kvHeads; h++)
          to[t * kvHeads + h] = ((group * kvHeads + h) * this.prefixLength + t) * headDim;
      }
      for (const name of this.names)
        stores.push({ output: name, buffer: this.prefix.get(name), to, length: headDim });
    }
    await session.run(joinRecords<Tensor | BufferFeed>(prefixFeeds(tokens), adapter?.feeds), {
      fetch: [],
      stores,
    });
  }

  private async growPrefix(length: number): Promise<void> {
    const { kvHeads, headDim } = this.config;
    await this.prefix.spread(this.layout.groups * kvHeads, this.prefixLength * headDim, length * headDim);
    this.prefixLength = length;
  }

  /**
   * Makes room for a step whose longest row has `steps` tokens behind it.
   * @param most how many there may be in time.
   */
  async reserve(steps: number, most: number): Promise<void> {
    this.longest = roundUp(most + 1, BLOCK);
    if (steps < this.suffixLength) return;
    const { kvHeads, headDim } = this.config;
    const { groups, rows } = this.layout;
    // The longer the rows, the more it costs to move them, and the less a few places more.
    const more = Math.min(this.suffixLength * GROWTH, this.longest);
    const length = roundUp(Math.max(steps + 1, more), BLOCK);
    const [before, now, then] = [this.suffixLength, length, this.longest].map((tokens) => tokens * headDim);
    await this.suffix.spread(groups * rows * kvHeads, before!, now!, then);
    this.suffixLength = length;
  }

  /**
   * Puts what some rows have behind them into another layout, and lets go of the rest.
   * @param steps tokens behind the longest of them. @param prompt tokens of their longest prefix.
   */
  async relay({ layout, groups, rows }: Relayout, steps: number, prompt: number): Promise<void> {
    const { kvHeads, headDim } = this.config;
    const length = Math.min(this.prefixLength, roundUp(Math.max(1, prompt), BLOCK));
    const prompts: { from: number[]; to: number[] } = { from: [], to: [] };
    groups.forEach((from, g) => {
      for (let h = 0; h < kvHeads; h++) {
        prompts.from.push((from * kvHeads + h) * this.prefixLength * headDim);
        prompts.to.push((g * kvHeads + h) * length * headDim);
      }
    });
    const suffix = Math.min(this.suffixLength, roundUp(steps + 1, BLOCK));
    const [wide, narrow] = [this.suffixLength * headDim, suffix * headDim];
    const own = this.suffixPlaces(rows, layout.rows, [wide, narrow]);
    await this.prefix.move(layout.groups * kvHeads * length * headDim, prompts, length * headDim);
    const count = layout.groups * layout.rows * kvHeads;
    await this.suffix.move(count * narrow, own, narrow, count * this.longest * headDim);
    this.layout = layout;
    this.prefixLength = length;
    this.suffixLength = suffix;
  }

  /** The place of a row's head among those of its part. @param rows of a group. */
  private headPlace(group: number, head: number, row: number, rows = this.layout.rows): number {
    return (group * this.config.kvHeads + head) * rows + row;
  }

  /**
   * Where the heads of rows' suffixes lie, now and in another layout.
   * @param places by its group and row, the place of each in this batch; undefined: it is not moved. @param rows of a group there.
   * @param lengths of a head's suffix, now and there.
   */
  private suffixPlaces(
    places: readonly (readonly (number | undefined)[])[],
    rows: number,
    [wide, narrow]: readonly [number, number],
  ): MovedRows {
    const before = this.layout.rows;
    const moved: { from: number[]; to: number[] } = { from: [], to: [] };
    places.forEach((own, g) =>
      own.forEach((place, r) => {
        if (place === undefined) return;
        const [group, row] = [Math.floor(place / before), place % before];
        for (let h = 0; h < this.config.kvHeads; h++) {
          moved.from.push(this.headPlace(group, h, row) * wide);
          moved.to.push(this.headPlace(g, h, r, rows) * narrow);
        }
      }),
    );
    return moved;
  }

  /**
   * Lets rows go on from what others of their group have behind them.
   * @param from by group and row, the row of before, which goes on itself where it is not idle. @param steps tokens behind the longest.
   */
  async replace(from: readonly (readonly number[])[], steps: number): Promise<void> {
    const { headDim } = this.config;
    const { rows } = this.layout;
    const width = this.suffixLength * headDim;
    const places = from.map((group, g) => group.map((row, r) => (row === r ? undefined : g * rows + row)));
    const moved = this.suffixPlaces(places, rows, [width, width]);
    if (moved.to.length > 0) await this.suffix.replace(moved, Math.min(steps, this.suffixLength) * headDim);
  }

  /** Whether half of the places behind the prompts, or behind the rows, would do for these lengths. */
  isTooLong(steps: number, prompt: number): boolean {
    const half = (length: number, wanted: number): boolean =>
      length >= 2 * roundUp(Math.max(1, wanted), BLOCK);
    return half(this.suffixLength, steps + 1) || half(this.prefixLength, prompt);
  }

  /**
   * The caches and the masks of a step.
   * @param prefixLengths tokens of each group's prefix. @param steps per group and row, tokens behind it; undefined: idle.
   */
  feeds(
    prefixLengths: readonly number[],
    steps: readonly (readonly (number | undefined)[])[],
  ): Record<string, Tensor | BufferFeed> {
    const { groups, rows } = this.layout;
    const { kvHeads, headDim } = this.config;
    const prefixMask = new Float32Array(groups * this.prefixLength).fill(HIDDEN);
    const suffixMask = new Float32Array(groups * rows * this.suffixLength).fill(HIDDEN);
    for (let g = 0; g < groups; g++) {
      prefixMask.fill(0, g * this.prefixLength, g * this.prefixLength + Math.max(0, prefixLengths[g]!));
      for (let r = 0; r < rows; r++) {
        const start = (g * rows + r) * this.suffixLength;
        suffixMask.fill(0, start, start + (steps[g]![r] ?? 0));
      }
    }
    const feeds: Record<string, Tensor | BufferFeed> = {
      prefixMask: { type: "float32", dims: [groups, 1, 1, this.prefixLength], data: prefixMask },
      suffixMask: { type: "float32", dims: [groups, 1, rows, 1, this.suffixLength], data: suffixMask },
      ...(this.config.sliding && this.nearMasks(this.config.sliding.window, prefixLengths, steps)),
    };
    for (const name of this.names) {
      feeds[`prefix.${name}`] = {
        buffer: this.prefix.get(name),
        dims: [groups, kvHeads, this.prefixLength, headDim],
      };
      feeds[`suffix.${name}`] = {
        buffer: this.suffix.get(name),
        dims: [groups, kvHeads * rows, 1, this.suffixLength, headDim],
      };
    }
    return feeds;
  }

  /** Masks of sliding layers: of its prompt and its own tokens each row sees the last `window` − 1. */
  private nearMasks(
    window: number,
    prefixLengths: readonly number[],
    steps: readonly (readonly (number | undefined)[])[],
  ): Record<string, Tensor> {
    const { groups, rows } = this.layout;
    const { prefixLength, suffixLength } = this;
    const prefix = new Float32Array(groups * rows * prefixLength).fill(HIDDEN);
    const suffix = new Float32Array(groups * rows * suffixLength).fill(HIDDEN);
    for (let row = 0; row < groups * rows; row++) {
      const g = Math.floor(row / rows);
      const behind = steps[g]![row % rows] ?? 0;
      const prompt = Math.max(0, prefixLengths[g]!);
      // Of prompt and own tokens together, the first that is seen.
      const first = Math.max(0, prompt + behind + 1 - window);
      prefix.fill(0, row * prefixLength + Math.min(first, prompt), row * prefixLength + prompt);
      const [from, to] = [Math.max(0, first - prompt), behind];
      suffix.fill(0, row * suffixLength + Math.min(from, to), row * suffixLength + to);
    }
    return {
      nearPrefixMask: { type: "float32", dims: [groups, 1, rows, 1, prefixLength], data: prefix },
      nearSuffixMask: { type: "float32", dims: [groups, 1, rows, 1, suffixLength], data: suffix },
    };
  }

  /** Where a step's new keys and values go: behind each row's earlier tokens. */
  stores(steps: readonly (readonly (number | undefined)[])[]): Store[] {
    const { kvHeads, headDim } = this.config;
    const { rows } = this.layout;
    const to = new Int32Array(this.layout.groups * rows * kvHeads).fill(-1);
    steps.forEach((group, g) =>
      group.forEach((behind, r) => {
        if (behind === undefined) return;
        for (let h = 0; h < kvHeads; h++) {
          // New keys come by row, and lie by head.
          to[(g * rows + r) * kvHeads + h] = (this.headPlace(g, h, r) * this.suffixLength + behind) * headDim;
        }
      }),
    );
    return this.names.map((name) => ({ output: name, buffer: this.suffix.get(name), to, length: headDim }));
  }

  /** A copy of what a row has behind it: [keys and values of all layers, kvHeads, steps, d]. */
  async copyOut(group: number, row: number, steps: number): Promise<ResidentBuffer> {
    const { kvHeads, headDim } = this.config;
    const copy = await this.engine.buffer(this.type, this.names.length * kvHeads * steps * headDim);
    await this.eachHead(group, row, steps, (suffix, places, own) =>
      suffix.copyTo(copy, places, own, steps * headDim),
    );
    return copy;
  }

  /** Puts the first steps of such a copy behind a row. @param of what was copied. */
  async copyIn(group: number, row: number, of: RowCopy, steps: number): Promise<void> {
    await this.eachHead(group, row, of.steps, (suffix, places, own) =>
      of.buffer.copyTo(suffix, own, places, steps * this.config.headDim),
    );
  }

  /** @param copy does the work for a kind of a layer: where its heads lie there, and in a copy of `steps` steps. */
  private async eachHead(
    group: number,
    row: number,
    steps: number,
    copy: (suffix: ResidentBuffer, places: Int32Array, own: Int32Array) => Promise<void>,
  ): Promise<void> {
    const { kvHeads, headDim } = this.config;
    const heads = Array.from({ length: kvHeads }, (_, head) => head);
    const width = this.suffixLength * headDim;
    const places = Int32Array.from(heads, (head) => this.headPlace(group, head, row) * width);
    await this.suffix.each((buffer, n) =>
      copy(
        buffer,
        places,
        Int32Array.from(heads, (head) => (n * kvHeads + head) * steps * headDim),
      ),
    );
  }

  async dispose(): Promise<void> {
    await Promise.all([this.prefix.dispose(), this.suffix.dispose()]);
  }
}
