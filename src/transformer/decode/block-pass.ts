import { joinRecords } from "../../core/join-records.js";
import type { BufferFeed, ResidentBuffer, Store, Tensor } from "../../graph/index.js";
import type { ModelConfig } from "../families/config.js";
import type { KvCacheType } from "./cache-inputs.js";
import { extendFeeds } from "./extend-graph.js";
import { prefixFeeds, type PrefixPasses } from "./prefix-passes.js";

/** A block of a prompt, and what stands before it. */
export interface Block {
  readonly ids: readonly number[];
  /** Tokens before it. */
  readonly from: number;
  /** Places of the buffers of what is before it, of which the first `from` are filled. */
  readonly capacity: number;
  /** Them, by name [1, kvHeads, capacity, d]. Not asked for where nothing stands before. */
  readonly past: (name: string) => ResidentBuffer;
}

export interface BlockModel {
  readonly config: ModelConfig;
  readonly kvCache: KvCacheType;
  /** Whether the graphs' windows hide anything. */
  readonly hides: boolean;
}

/** Computes a block's keys and values and stores them: a prompt's first by the graph of whole prompts, a later one by that which goes on. */
export async function runBlock(
  passes: PrefixPasses,
  { config, kvCache, hides }: BlockModel,
  { ids, from, capacity, past }: Block,
  stores: readonly Store[],
): Promise<void> {
  const feeds =
    from === 0 ? prefixFeeds(ids) : extendFeeds(config, { ids, from, capacity, hides, kvCache }, past);
  const session = await (from === 0 ? passes.prefix() : passes.extend());
  await session.run(joinRecords<Tensor | BufferFeed>(feeds, passes.adapter?.feeds), { fetch: [], stores });
}
