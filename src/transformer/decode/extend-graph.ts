import { Graph, cast } from "../../graph/index.js";
import { cachedAttention, windowHides, type SeenRows } from "../decoder/attention.js";
import { HIDDEN } from "../decoder/hidden.js";
import { decoder, lookUp, plainLinear, weightProducts } from "../decoder/decoder.js";
import { loraLinear } from "../decoder/lora.js";
import { rotaryTables } from "../decoder/rotary.js";
import { adaptedParameters, type Weights } from "../decoder/sequence-pass.js";
import type { ModelConfig } from "../families/config.js";
import type { BufferFeed, Tensor, Value } from "../../graph/index.js";
import { cacheInputs, maskInputs, outputKeysAndValues, type KvCacheType } from "./cache-inputs.js";
import type { PolicyGraphOptions } from "./decode-graph.js";

/**
 * The keys and values of tokens that go on after a prefix whose own are known: the tokens are the rows of one group, and each sees the
 * prefix and those before it. Inputs: `ids`, `positions` int32 [1, r]; masks and caches as of `decodeGraph`; `seenRows` int32 [q] and
 * `seenMask` [r, 1, q] (`nearSeenMask` where a window hides). Outputs: `key.L`, `value.L` [1, r, kvHeads·d].
 */
export function extendGraph(
  config: ModelConfig,
  weights: Weights,
  { loraModules, replaced, quantized, maxLength, kvCache }: PolicyGraphOptions,
): Graph {
  const graph = new Graph();
  const ids = graph.input("ids", "int32", ["g", "r"]);
  const positions = graph.input("positions", "int32", ["g", "r"]);
  const hides = windowHides(config, maxLength);
  const masks = maskInputs(graph, hides);
  const seen: SeenRows = {
    places: graph.input("seenRows", "int32", ["q"]),
    mask: graph.input("seenMask", "float32", ["r", 1, "q"]),
    ...(hides && { near: graph.input("nearSeenMask", "float32", ["r", 1, "q"]) }),
  };
  const caches = cacheInputs(graph, config, kvCache);
  const { parameter } = adaptedParameters(graph, config, weights, replaced);
  const base = plainLinear(config, parameter, weightProducts(parameter, quantized));
  const fresh: [Value, Value][] = [];
  decoder(config, {
    embedded: lookUp(parameter, ids),
    positions: cast(positions, "int64"),
    rotary: rotaryTables(graph, config, maxLength),
    parameter,
    linear: loraModules ? loraLinear(graph, config, base, loraModules).linear : base,
    attention: cachedAttention(config, caches, masks, (_, key, value) => fresh.push([key, value]), { seen }),
  });
  outputKeysAndValues(graph, fresh, kvCache);
  return graph;
}

const floats = (dims: readonly number[], data: Float32Array): Tensor => ({ type: "float32", dims, data });
const count = (dims: readonly number[]): number => dims.reduce((product, size) => product * size, 1);
const hidden = (dims: readonly number[]): Float32Array => new Float32Array(count(dims)).fill(HIDDEN);
/** No bit is set in 0, in either type. */
const zeros = (type: KvCacheType, dims: readonly number[]): Tensor => ({
  type,
  dims,
  data: type === "float32" ? new Float32Array(count(dims)) : new Uint16Array(count(dims)),
});

/**
 * What such a step is fed.
 * @param ids the tokens. @param from how many stand before them.
 * @param capacity places of the prefix's buffers, of which the first `from` are filled: [1, kvHeads, capacity, d] each.
 * @param hides whether the graph's windows hide anything. @param kvCache as the graph's.
 * @param prefix the buffers; absent where nothing stands before: then there is one place, which nobody sees.
 */
export function extendFeeds(
  { layers, kvHeads, headDim, sliding }: ModelConfig,
  {
    ids,
    from,
    capacity,
    hides,
    kvCache,
  }: {
    readonly ids: ArrayLike<number>;
    readonly from: number;
    readonly capacity: number;
    readonly hides: boolean;
    readonly kvCache: KvCacheType;
  },
  prefix?: (name: string) => BufferFeed["buffer"],
): Record<string, Tensor | BufferFeed> {
  const t = ids.length;
  const window = hides ? sliding!.window : from + t;
  const nearPrefix = hidden(hides ? [t, capacity] : [0]);
  const seen = hidden([t, t]);
  const nearSeen = hidden(hides ? [t, t] : [0]);
  for (let i = 0; i < t; i++) {
    seen.fill(0, i * t, i * t + i);
    if (!hides) continue;
    // The first place that the window leaves, of prefix and own tokens together.
    const first = Math.max(0, from + i + 1 - window);
    nearPrefix.fill(0, i * capacity + Math.min(first, from), i * capacity + from);
    nearSeen.fill(0, i * t + Math.min(i, Math.max(0, first - from)), i * t + i);
  }
  const feeds: Record<string, Tensor | BufferFeed> = {
    ids: { type: "int32", dims: [1, t], data: Int32Array.from(ids) },
    positions: { type: "int32", dims: [1, t], data: Int32Array.from(ids, (_, i) => from + i) },
    prefixMask: floats([1, 1, 1, capacity], hidden([capacity]).fill(0, 0, from)),
    suffixMask: floats([1, 1, t, 1, 1], hidden([t])),
    seenRows: { type: "int32", dims: [t], data: Int32Array.from(ids, (_, i) => i) },
    seenMask: floats([t, 1, t], seen),
    ...(hides && {
      nearPrefixMask: floats([1, 1, t, 1, capacity], nearPrefix),
      nearSuffixMask: floats([1, 1, t, 1, 1], hidden([t])),
      nearSeenMask: floats([t, 1, t], nearSeen),
    }),
  };
  // No axis may be empty: a place that nobody sees.
  const dims = [1, kvHeads, capacity, headDim];
  const nothing = prefix ? undefined : zeros(kvCache, dims);
  const suffix = zeros(kvCache, [1, kvHeads * t, 1, 1, headDim]);
  for (let layer = 0; layer < layers; layer++) {
    for (const kind of ["key", "value"]) {
      const name = `${kind}.${layer}`;
      feeds[`prefix.${name}`] = nothing ?? { buffer: prefix!(name), dims };
      feeds[`suffix.${name}`] = suffix;
    }
  }
  return feeds;
}
