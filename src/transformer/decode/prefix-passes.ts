/** The passes over prompts, as far as what draws in a browser, too, knows of them: nothing here needs the graph's builder. */
import type { ResidentBuffer, Tensor } from "../../graph/index.js";
import type { AdapterFeeds } from "../decoder/adapter-feeds.js";
import type { Runs } from "./whole-session.js";

/** Where a prompt's keys and values are wanted. */
export interface PrefixPlaces {
  /** By name, [groups, kvHeads, length, d]. */
  readonly buffers: ReadonlyMap<string, ResidentBuffer>;
  readonly groups: readonly number[];
  readonly length: number;
}

/** What computes them. */
export interface PrefixPasses {
  prefix(): Promise<Runs>;
  /** The keys and values of tokens after a prefix; asked for where prefixes are kept, and where prompts are computed in blocks. */
  extend(): Promise<Runs>;
  readonly adapter: AdapterFeeds | undefined;
  /** How long prompts are computed in blocks. Absent: each in one pass. */
  readonly inBlocks?: InBlocks | undefined;
}

export interface InBlocks {
  /** Tokens of a prompt that one pass computes still. */
  readonly beyond: number;
  /**
   * Puts a prompt's keys and values in their places.
   * @param capacity places that the passes have for it: as many for a prompt whatever else is drawn, since products of another length may
   * round otherwise.
   */
  fill(tokens: readonly number[], places: PrefixPlaces, capacity: number): Promise<void>;
}

/** What `prefixGraph` is fed of a sequence's beginning, as one row. */
export function prefixFeeds(tokens: readonly number[]): Record<string, Tensor> {
  const dims = [1, tokens.length];
  return {
    ids: { type: "int32", dims, data: Int32Array.from(tokens) },
    positions: { type: "int64", dims, data: BigInt64Array.from(tokens, (_, at) => BigInt(at)) },
  };
}
