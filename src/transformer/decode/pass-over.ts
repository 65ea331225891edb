import { joinRecords } from "../../core/join-records.js";
import type { BufferFeed, Tensor } from "../../graph/index.js";
import type { AdapterFeeds } from "../decoder/adapter-feeds.js";
import { byPair, evenLength, packBatches, type TokenPair } from "../decoder/packing.js";
import type { ModelConfig } from "../families/config.js";
import type { Runs } from "./whole-session.js";

/** Padded tokens of a scoring pass, and tokens that it scores. */
const MAX_TOKENS_PER_PASS = 4096;

/**
 * Runs a pass over given responses in batches of similar length: each output's values of each pair, none for an empty response.
 * @param each how many values a token has.
 */
export async function passOver(
  session: Runs,
  pairs: readonly TokenPair[],
  {
    outputs,
    config,
    adapter,
    each = 1,
  }: {
    readonly outputs: readonly string[];
    readonly config: ModelConfig;
    readonly adapter: AdapterFeeds | undefined;
    readonly each?: number;
  },
): Promise<Float32Array[][]> {
  const packing = { maxTokens: MAX_TOKENS_PER_PASS, evenLength: evenLength(config) };
  const results: Float32Array[][] = outputs.map(() => pairs.map(() => new Float32Array()));
  for (const batch of packBatches(pairs, packing)) {
    const output = await session.run(joinRecords<Tensor | BufferFeed>(batch.feeds, adapter?.feeds));
    outputs.forEach((name, o) => {
      for (const [i, values] of byPair(batch, pairs, output[name]!.data as Float32Array, each))
        results[o]![i] = values;
    });
  }
  return results;
}
