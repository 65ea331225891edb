import {
  add,
  concat,
  gather,
  lessOrEqual,
  matMul,
  mul,
  reshape,
  rmsNorm,
  rotaryEmbedding,
  silu,
  softmax,
  split,
  transpose,
  where,
  type Graph,
  type Value,
} from "../graph/index.js";
import type { ModelConfig } from "./config.js";

/** A weight by its Hugging Face name, as a value of the graph: a constant, or an input that is trained. */
export type Parameter = (name: string) => Value;

/** y = x Wᵀ (and an adapter, where there is one) for each of the modules, such as `model.layers.0.self_attn.q_proj`. */
export type Linear = (x: Value, modules: readonly string[]) => Value[];

/**
 * The attention of one layer: from queries [·, ·, heads·d], keys and values [·, ·, kvHeads·d] (rotated already) to the
 * mixed values [·, ·, heads·d]. What a query may see is the strategy's: `causalAttention`, `cachedAttention`.
 */
export type Attention = (layer: number, query: Value, key: Value, value: Value) => Value;

/** Cosines and sines of the rotary angles, a row per position (RoPE, half-split). */
export interface RotaryTables {
  readonly cos: Value;
  readonly sin: Value;
}

/** The tables for positions 0 … length − 1, each [length, headDim/2]. */
export function rotaryTables(graph: Graph, config: ModelConfig, length: number): RotaryTables {
  const half = config.headDim / 2;
  const cos = new Float32Array(length * half);
  const sin = new Float32Array(length * half);
  for (let position = 0; position < length; position++) {
    for (let i = 0; i < half; i++) {
      // Frequencies and angles in float32, as in the models' own code, which long contexts would otherwise leave.
      const frequency = Math.fround(1 / Math.fround(config.ropeTheta ** (i / half)));
      const angle = Math.fround(position * frequency);
      cos[position * half + i] = Math.cos(angle);
      sin[position * half + i] = Math.sin(angle);
    }
  }
  return {
    cos: graph.initializer("rotary.cos", "float32", [length, half], cos),
    sin: graph.initializer("rotary.sin", "float32", [length, half], sin),
  };
}

/** Every linear of the layers, with its sizes. */
export function linearModules(
  config: ModelConfig,
): { readonly module: string; readonly inFeatures: number; readonly outFeatures: number }[] {
  const { hiddenSize, intermediateSize } = config;
  const queries = config.heads * config.headDim;
  const keys = config.kvHeads * config.headDim;
  const kinds: readonly (readonly [string, number, number])[] = [
    ["self_attn.q_proj", hiddenSize, queries],
    ["self_attn.k_proj", hiddenSize, keys],
    ["self_attn.v_proj", hiddenSize, keys],
    ["self_attn.o_proj", queries, hiddenSize],
    ["mlp.gate_proj", hiddenSize, intermediateSize],
    ["mlp.up_proj", hiddenSize, intermediateSize],
    ["mlp.down_proj", intermediateSize, hiddenSize],
  ];
  return Array.from({ length: config.layers }, (_, layer) =>
    kinds.map(([name, inFeatures, outFeatures]) => ({
      module: `model.layers.${layer}.${name}`,
      inFeatures,
      outFeatures,
    })),
  ).flat();
}

/** Linears without an adapter. */
export function plainLinear(parameter: Parameter): Linear {
  return (x, modules) => modules.map((module) => matMul(x, parameter(`${module}.weight`), { transB: true }));
}

/**
 * The decoder: RMSNorm, rotary attention with grouped queries, SwiGLU (Llama). Defined once: scoring, training and
 * decoding differ only in the attention and the linears that they pass in.
 * @param ids int32 [·, ·]; @param positions int64 of the same shape.
 * @returns the last hidden state after the final norm, [·, ·, hiddenSize].
 */
export function decoder(
  config: ModelConfig,
  { ids, positions, rotary, parameter, linear, attention }: DecoderParts,
): Value {
  let x = gather(parameter("model.embed_tokens.weight"), ids);
  const turn = (value: Value): Value => rotaryEmbedding(value, positions, rotary.cos, rotary.sin);
  for (let layer = 0; layer < config.layers; layer++) {
    const name = `model.layers.${layer}`;
    const attended = rmsNorm(x, parameter(`${name}.input_layernorm.weight`), config.rmsNormEps);
    const projections = ["q_proj", "k_proj", "v_proj"].map((kind) => `${name}.self_attn.${kind}`);
    const [query, key, value] = linear(attended, projections) as [Value, Value, Value];
    const mixed = attention(layer, turn(query), turn(key), value);
    x = add(x, linear(mixed, [`${name}.self_attn.o_proj`])[0]!);
    const fed = rmsNorm(x, parameter(`${name}.post_attention_layernorm.weight`), config.rmsNormEps);
    const [gate, up] = linear(fed, [`${name}.mlp.gate_proj`, `${name}.mlp.up_proj`]) as [Value, Value];
    x = add(x, linear(mul(silu(gate), up), [`${name}.mlp.down_proj`])[0]!);
  }
  return rmsNorm(x, parameter("model.norm.weight"), config.rmsNormEps);
}

export interface DecoderParts {
  readonly ids: Value;
  readonly positions: Value;
  readonly rotary: RotaryTables;
  readonly parameter: Parameter;
  readonly linear: Linear;
  readonly attention: Attention;
}

/** The matrix [vocabSize, hiddenSize] that turns hidden states into logits. */
export function headWeight(config: ModelConfig, parameter: Parameter): Value {
  return parameter(config.tieWordEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight");
}

/** Logits over the vocabulary for hidden states [n, hiddenSize]: [n, vocabSize]. */
export function head(config: ModelConfig, hidden: Value, parameter: Parameter): Value {
  return matMul(hidden, headWeight(config, parameter), { transB: true });
}

/** Added to a score that may not be seen: its weight underflows to exactly 0. */
export const HIDDEN = -1e9;

/** The mask of causal attention, [t, t], from positions int64 [1, t]: 0 up to the diagonal, `HIDDEN` behind it. */
export function causalMask(graph: Graph, positions: Value): Value {
  const seen = lessOrEqual(positions, transpose(positions, [1, 0]));
  return where(seen, graph.constant(0), graph.constant(HIDDEN));
}

/**
 * Attention over whole sequences [b, t]: position i sees 0 … i. Sequences are padded on the right, where causality hides
 * the padding from everything before it. The query heads of one key head form one tall matrix, so that keys and values
 * are never repeated.
 * @param mask as `causalMask` makes it.
 */
export function causalAttention(config: ModelConfig, mask: Value): Attention {
  const { heads, kvHeads, headDim } = config;
  const group = heads / kvHeads;
  const alpha = 1 / Math.sqrt(headDim);
  return (_, query, key, value) => {
    const [b, t] = query.shape as [number | string, number | string];
    // Heads of one group are neighbours, so that [heads, t] is [kvHeads, group · t].
    const byHead = transpose(reshape(query, [b, t, heads, headDim]), [0, 2, 1, 3]);
    const q = reshape(byHead, [b, kvHeads, -1, headDim]);
    const keyHeads = (x: Value): Value => transpose(reshape(x, [b, t, kvHeads, headDim]), [0, 2, 1, 3]);
    const scores = matMul(q, keyHeads(key), { transB: true, alpha });
    const seen = softmax(add(reshape(scores, [b, kvHeads, group, t, t]), mask));
    const mixed = matMul(reshape(seen, [b, kvHeads, -1, t]), keyHeads(value));
    return reshape(transpose(reshape(mixed, [b, heads, t, headDim]), [0, 2, 1, 3]), [b, t, -1]);
  };
}

/** Keys and values that were computed before, for `cachedAttention`. Rows are [groups g, rows r] throughout. */
export interface LayerCache {
  /** The prompt's, shared by the rows of a group: [g, kvHeads, p, d]. */
  readonly prefixKey: Value;
  readonly prefixValue: Value;
  /** Each row's own: [g, r, kvHeads, s, d]. */
  readonly suffixKey: Value;
  readonly suffixValue: Value;
}

/**
 * Attention of one new token a row over its prompt, its own earlier tokens and itself. The prompt's keys are stored once
 * for a group of rows, and all its rows and heads meet them in one product; the three score blocks are joined for one
 * softmax, so that keys and values are never concatenated.
 * @param prefixMask [g, 1, p] and @param suffixMask [g, r, 1, 1, s]: 0 or `HIDDEN`.
 * @param fresh is given each layer's new key and value, to be stored in the cache.
 */
export function cachedAttention(
  config: ModelConfig,
  caches: readonly LayerCache[],
  prefixMask: Value,
  suffixMask: Value,
  fresh: (layer: number, key: Value, value: Value) => void,
): Attention {
  const { kvHeads, headDim } = config;
  const group = config.heads / kvHeads;
  const alpha = 1 / Math.sqrt(headDim);
  return (layer, query, key, value) => {
    fresh(layer, key, value);
    const { prefixKey, prefixValue, suffixKey, suffixValue } = caches[layer]!;
    const [g, r] = query.shape as [number | string, number | string];
    const p = prefixKey.shape[2]!;
    const s = suffixKey.shape[3]!;
    const own = reshape(query, [g, r, kvHeads, group, headDim]);
    const byHead = (x: Value, width: number | string): Value =>
      reshape(transpose(x, [0, 2, 1, 3, 4]), [g, kvHeads, -1, width]);
    const byRow = (x: Value, width: number | string): Value =>
      transpose(reshape(x, [g, kvHeads, r, group, width]), [0, 2, 1, 3, 4]);
    const overPrefix = add(
      reshape(matMul(byHead(own, headDim), prefixKey, { transB: true, alpha }), [g, -1, p]),
      prefixMask,
    );
    const overSuffix = add(matMul(own, suffixKey, { transB: true, alpha }), suffixMask);
    const newKey = reshape(key, [g, r, kvHeads, 1, headDim]);
    const overSelf = matMul(own, newKey, { transB: true, alpha });
    const seen = softmax(
      concat([byRow(reshape(overPrefix, [g, kvHeads, -1, p]), p), overSuffix, overSelf], -1),
    );
    const [onPrefix, onSuffix, onSelf] = split(seen, [p, s, 1], -1) as [Value, Value, Value];
    const fromPrefix = byRow(matMul(byHead(onPrefix, p), prefixValue), headDim);
    const fromSuffix = matMul(onSuffix, suffixValue);
    const fromSelf = mul(onSelf, reshape(value, [g, r, kvHeads, 1, headDim]));
    return reshape(add(add(fromPrefix, fromSuffix), fromSelf), [g, r, -1]);
  };
}
