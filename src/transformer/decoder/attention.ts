import {
  add,
  concat,
  gather,
  lessOrEqual,
  matMul,
  mul,
  reshape,
  softmax,
  split,
  transpose,
  where,
  type Graph,
  type Value,
} from "../../graph/index.js";
import type { ModelConfig } from "../families/config.js";
import { HIDDEN } from "./hidden.js";

/**
 * The attention of one layer: from queries [·, ·, heads·d], keys and values [·, ·, kvHeads·d] (rotated already) to the
 * mixed values [·, ·, heads·d]. What a query may see is the strategy's: `causalAttention`, `cachedAttention`.
 */
export type Attention = (layer: number, query: Value, key: Value, value: Value) => Value;

/** Whether sequences of up to `length` tokens are longer than what some layers see of them. */
export function windowHides({ sliding }: ModelConfig, length: number): boolean {
  return sliding !== undefined && sliding.window < length;
}

/** Added to the scores of a layer's attention: 0 where a token may be seen, `HIDDEN` where not. By layer. */
type Masks = readonly Value[];

/** The layers' masks: `all` where every earlier token is seen, `near` in sliding layers. */
function byLayer(config: ModelConfig, all: Value, near: () => Value, length: number): Masks {
  const local = windowHides(config, length) ? near() : all;
  return Array.from({ length: config.layers }, (_, layer) =>
    config.sliding?.layers.includes(layer) === true ? local : all,
  );
}

/**
 * The masks of causal attention, [t, t], from positions int64 [1, t]: open up to the diagonal, in sliding layers from
 * the window's beginning on.
 * @param length the longest sequence.
 */
export function causalMasks(graph: Graph, config: ModelConfig, positions: Value, length: number): Masks {
  const own = transpose(positions, [1, 0]);
  const masked = (seen: Value, mask: Value): Value => where(seen, mask, graph.constant(HIDDEN));
  const all = masked(lessOrEqual(positions, own), graph.constant(0));
  const near = (): Value =>
    masked(lessOrEqual(own, add(positions, (config.sliding?.window ?? length) - 1)), all);
  return byLayer(config, all, near, length);
}

/** Where the tokens of rows stand, each row a tree of sequences in depth-first order. */
export interface TreePlaces {
  /** In their sequences, int64 [b, t]. */
  readonly positions: Value;
  /** In the row: 0 … t − 1, int64 [1, t]. */
  readonly places: Value;
  /** The last place that sees the token, which is where its subtree ends: int64 [b, t]. */
  readonly last: Value;
}

/**
 * The masks of attention along the branches of trees, [b, 1, 1, t, t]: a token sees those on its own path from the root, in sliding layers
 * from the window's beginning on. A row of one sequence is causal.
 * @param length the longest sequence.
 */
export function treeMasks(
  graph: Graph,
  config: ModelConfig,
  { positions, places, last }: TreePlaces,
  length: number,
): Masks {
  const hidden = graph.constant(HIDDEN);
  const masked = (seen: Value, mask: Value): Value => where(seen, mask, hidden);
  const asKeys = (x: Value): Value => reshape(x, [x.shape[0]!, 1, 1, 1, -1]);
  const asQueries = (x: Value): Value => reshape(x, [x.shape[0]!, 1, 1, -1, 1]);
  const before = masked(lessOrEqual(asKeys(places), asQueries(places)), graph.constant(0));
  const all = masked(lessOrEqual(asQueries(places), asKeys(last)), before);
  const near = (): Value =>
    masked(
      lessOrEqual(asQueries(positions), add(asKeys(positions), (config.sliding?.window ?? length) - 1)),
      all,
    );
  return byLayer(config, all, near, length);
}

function scoreScale({ queryScalar, headDim }: ModelConfig): number {
  return 1 / Math.sqrt(queryScalar ?? headDim);
}

/**
 * Attention over whole sequences [b, t]: place i sees those of 0 … i that the masks leave. Rows are padded on the right, where causality
 * hides the padding from everything before it. The query heads of one key head form one tall matrix, so that keys and values
 * are never repeated.
 * @param masks as `causalMasks` or `treeMasks` makes them.
 */
export function causalAttention(config: ModelConfig, masks: Masks): Attention {
  const { heads, kvHeads, headDim } = config;
  const group = heads / kvHeads;
  const alpha = scoreScale(config);
  return (layer, query, key, value) => {
    const [b, t] = query.shape as [number | string, number | string];
    // Heads of one group are neighbours, so that [heads, t] is [kvHeads, group · t].
    const byHead = transpose(reshape(query, [b, t, heads, headDim]), [0, 2, 1, 3]);
    const q = reshape(byHead, [b, kvHeads, -1, headDim]);
    const keyHeads = (x: Value): Value => transpose(reshape(x, [b, t, kvHeads, headDim]), [0, 2, 1, 3]);
    const scores = matMul(q, keyHeads(key), { transB: true, alpha });
    const seen = softmax(add(reshape(scores, [b, kvHeads, group, t, t]), masks[layer]!));
    const mixed = matMul(reshape(seen, [b, kvHeads, -1, t]), keyHeads(value));
    return reshape(transpose(reshape(mixed, [b, heads, t, headDim]), [0, 2, 1, 3]), [b, t, -1]);
  };
}

/**
 * Keys and values that were computed before, for `cachedAttention`: of groups g of rows r. Heads come before rows, so that what is computed of
 * prompts, whose heads come first, and of rows' own tokens need not be turned to be put together.
 */
export interface LayerCache {
  /** The prompt's, shared by the rows of a group: [g, kvHeads, p, d]. */
  readonly prefixKey: Value;
  readonly prefixValue: Value;
  /** Each row's own: [g, kvHeads·r, 1, s, d]. */
  readonly suffixKey: Value;
  readonly suffixValue: Value;
}

/** What a decoding step's rows may see of their caches: 0 or `HIDDEN`. */
export interface CacheMasks {
  /** [g, 1, 1, p]: the rows of a group see the whole prompt. */
  readonly prefix: Value;
  /** [g, 1, r, 1, s] */
  readonly suffix: Value;
  /** Of sliding layers, whose rows see as much of the prompt as their own positions leave them; absent: as the others. */
  readonly near?: {
    /** [g, 1, r, 1, p] */
    readonly prefix: Value;
    /** [g, 1, r, 1, s] */
    readonly suffix: Value;
  };
}

/** Rows of a step that other rows of it see, beside themselves: a whole prompt then is one step. */
export interface SeenRows {
  /** int32 [q]: their places among all g·r rows. */
  readonly places: Value;
  /** [r, 1, q]: 0 or `HIDDEN`. */
  readonly mask: Value;
  /** The same for sliding layers; absent: as the others. */
  readonly near?: Value;
}

/**
 * Attention of one new token a row over its prompt, its own earlier tokens and itself. The prompt's keys are stored once
 * for a group of rows, and all its rows and heads meet them in one product; the three score blocks are joined for one
 * softmax, so that keys and values are never concatenated.
 * @param fresh is given each layer's new key and value, to be stored in the cache.
 * @param seen absent: no row sees another.
 * @param inPlace whether a row's own keys meet each query head in a product of one row, which reads them as they lie
 * (`Engine.readsInPlace`), in place of all heads that share them in one, which packs them first.
 */
export function cachedAttention(
  config: ModelConfig,
  caches: readonly LayerCache[],
  masks: CacheMasks,
  fresh: (layer: number, key: Value, value: Value) => void,
  { seen, inPlace = false }: { readonly seen?: SeenRows; readonly inPlace?: boolean | undefined } = {},
): Attention {
  const { kvHeads, headDim } = config;
  const group = config.heads / kvHeads;
  const scale = scoreScale(config);
  return (layer, query, key, value) => {
    fresh(layer, key, value);
    const { prefixKey, prefixValue, suffixKey, suffixValue } = caches[layer]!;
    const near = config.sliding?.layers.includes(layer) === true ? masks.near : undefined;
    const [g, r] = query.shape as [number | string, number | string];
    const p = prefixKey.shape[2]!;
    const s = suffixKey.shape[3]!;
    const headsFirst = (x: Value): Value => transpose(x, [0, 2, 1, 3, 4]);
    const own = headsFirst(reshape(mul(query, scale), [g, r, kvHeads, group, headDim]));
    // All rows and heads of a group as one matrix; and each row's by themselves.
    const together = (x: Value, width: number | string): Value => reshape(x, [g, kvHeads, -1, width]);
    const apart = (x: Value, width: number | string): Value =>
      reshape(x, [g, suffixKey.shape[1]!, ...(inPlace ? [group, 1] : [1, group]), width]);
    const asRows = (x: Value, width: number | string): Value => reshape(x, [g, kvHeads, r, group, width]);
    const tall = together(own, headDim);
    const scores = matMul(tall, prefixKey, { transB: true });
    // Of what a group sees alike, the mask is added in the layout of the product, where fewer axes are broadcast.
    const overPrefix = near ? add(asRows(scores, p), near.prefix) : asRows(add(scores, masks.prefix), p);
    const overSuffix = add(
      asRows(matMul(apart(own, headDim), suffixKey, { transB: true }), s),
      near ? near.suffix : masks.suffix,
    );
    const alone = (x: Value): Value => headsFirst(reshape(x, [g, r, kvHeads, 1, headDim]));
    const overSelf = matMul(own, alone(key), { transB: true });
    const parts = [overPrefix, overSuffix, overSelf];
    const widths: (number | string)[] = [p, s, 1];
    if (seen) {
      const q = seen.places.shape[0]!;
      const isSliding = config.sliding?.layers.includes(layer) === true;
      const overRows = asRows(matMul(tall, rowsOf(config, key, seen.places), { transB: true }), q);
      parts.push(add(overRows, (isSliding && seen.near) || seen.mask));
      widths.push(q);
    }
    const weights = split(softmax(concat(parts, -1)), widths, -1);
    const [onPrefix, onSuffix, onSelf, onRows] = weights as [Value, Value, Value, Value | undefined];
    const fromPrefix = matMul(together(onPrefix, p), prefixValue);
    const fromOthers =
      seen && onRows && matMul(together(onRows, onRows.shape.at(-1)!), rowsOf(config, value, seen.places));
    const shared = asRows(fromOthers ? add(fromPrefix, fromOthers) : fromPrefix, headDim);
    const fromSuffix = asRows(matMul(apart(onSuffix, s), suffixValue), headDim);
    const fromSelf = mul(onSelf, alone(value));
    return reshape(headsFirst(add(add(shared, fromSuffix), fromSelf)), [g, r, -1]);
  };
}

/** Keys or values of some rows, the same for all groups: [kvHeads, q, d]. */
function rowsOf({ kvHeads, headDim }: ModelConfig, states: Value, places: Value): Value {
  return transpose(gather(reshape(states, [-1, kvHeads, headDim]), places), [1, 0, 2]);
}
