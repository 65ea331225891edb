import type { Graph } from "../../graph/index.js";
import type { CacheMasks, LayerCache } from "../decoder/attention.js";
import type { ModelConfig } from "../families/config.js";

/**
 * The masks of a decoding step as inputs: `prefixMask` [g, 1, p] and `suffixMask` [g, r, 1, 1, s]; where a sliding window hides, also
 * `nearPrefixMask` [g, r, 1, 1, p] and `nearSuffixMask` [g, r, 1, 1, s] of its layers.
 */
export function maskInputs(graph: Graph, windowHides: boolean): CacheMasks {
  return {
    prefix: graph.input("prefixMask", "float32", ["g", 1, "p"]),
    suffix: graph.input("suffixMask", "float32", ["g", "r", 1, 1, "s"]),
    ...(windowHides && {
      near: {
        prefix: graph.input("nearPrefixMask", "float32", ["g", "r", 1, 1, "p"]),
        suffix: graph.input("nearSuffixMask", "float32", ["g", "r", 1, 1, "s"]),
      },
    }),
  };
}

/**
 * The keys and values of each layer L as inputs: `prefix.key.L`, `prefix.value.L` [g, kvHeads, p, d] of what rows share, and
 * `suffix.key.L`, `suffix.value.L` [g, r, kvHeads, s, d] of each row's own tokens.
 */
export function cacheInputs(graph: Graph, { layers, kvHeads, headDim }: ModelConfig): LayerCache[] {
  return Array.from({ length: layers }, (_, layer) => ({
    prefixKey: graph.input(`prefix.key.${layer}`, "float32", ["g", kvHeads, "p", headDim]),
    prefixValue: graph.input(`prefix.value.${layer}`, "float32", ["g", kvHeads, "p", headDim]),
    suffixKey: graph.input(`suffix.key.${layer}`, "float32", ["g", "r", kvHeads, "s", headDim]),
    suffixValue: graph.input(`suffix.value.${layer}`, "float32", ["g", "r", kvHeads, "s", headDim]),
  }));
}
