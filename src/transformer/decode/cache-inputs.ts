import { cast, multiplyDims, type Graph, type Value } from "../../graph/index.js";
import type { CacheMasks, LayerCache } from "../decoder/attention.js";
import type { ModelConfig } from "../families/config.js";

/**
 * The masks of a decoding step as inputs: `prefixMask` [g, 1, 1, p] and `suffixMask` [g, 1, r, 1, s]; where a sliding window hides, also
 * `nearPrefixMask` [g, 1, r, 1, p] and `nearSuffixMask` [g, 1, r, 1, s] of its layers.
 */
export function maskInputs(graph: Graph, windowHides: boolean): CacheMasks {
  return {
    prefix: graph.input("prefixMask", "float32", ["g", 1, 1, "p"]),
    suffix: graph.input("suffixMask", "float32", ["g", 1, "r", 1, "s"]),
    ...(windowHides && {
      near: {
        prefix: graph.input("nearPrefixMask", "float32", ["g", 1, "r", 1, "p"]),
        suffix: graph.input("nearSuffixMask", "float32", ["g", 1, "r", 1, "s"]),
      },
    }),
  };
}

/**
 * How keys and values of earlier tokens are held. In float16 they take half of the memory, and are rounded to 11 bits where they are
 * stored; products are of float32 either way.
 */
export type KvCacheType = "float32" | "float16";

/**
 * The keys and values of each layer L as inputs: `prefix.key.L`, `prefix.value.L` [g, kvHeads, p, d] of what rows share, and
 * `suffix.key.L`, `suffix.value.L` [g, kvHeads·r, 1, s, d] of each row's own tokens.
 */
export function cacheInputs(
  graph: Graph,
  { layers, kvHeads, headDim }: ModelConfig,
  type: KvCacheType = "float32",
): LayerCache[] {
  const input = (name: string, dims: readonly (number | string)[]): Value => {
    const held = graph.input(name, type, dims);
    return type === "float32" ? held : cast(held, "float32");
  };
  const suffix = ["g", multiplyDims(kvHeads, "r"), 1, "s", headDim];
  return Array.from({ length: layers }, (_, layer) => ({
    prefixKey: input(`prefix.key.${layer}`, ["g", kvHeads, "p", headDim]),
    prefixValue: input(`prefix.value.${layer}`, ["g", kvHeads, "p", headDim]),
    suffixKey: input(`suffix.key.${layer}`, suffix),
    suffixValue: input(`suffix.value.${layer}`, suffix),
  }));
}

/** The keys and values of a step's tokens, by layer, as outputs: `key.L`, `value.L` of their shapes, as they are held. */
export function outputKeysAndValues(
  graph: Graph,
  fresh: readonly (readonly [Value, Value])[],
  type: KvCacheType = "float32",
): void {
  const held = (x: Value): Value => (type === "float32" ? x : cast(x, type));
  fresh.forEach(([key, value], layer) => {
    graph.output(`key.${layer}`, held(key));
    graph.output(`value.${layer}`, held(value));
  });
}
