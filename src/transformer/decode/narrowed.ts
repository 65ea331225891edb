import { add, exp, lessOrEqual, log, mul, where, type Graph, type Value } from "../../graph/index.js";
import { rowSums } from "./row-sums.js";

/** Which tokens may be drawn at all, of softmax(logits / temperature); the likeliest always may. */
export interface Narrowing {
  /** In (0, 1): the fewest of the likeliest tokens that have this probability together, those that tie with the last of them included. */
  readonly topP?: number;
  /** In (0, 1): tokens at least this share as likely as the likeliest. With `topP`, those that both allow. */
  readonly minP?: number;
}

/** The same of each row of a step, as inputs of its graph; [n, 1] each. */
export interface RowNarrowing {
  /** p, 1 where all tokens may be drawn, and `leastLog` of it. */
  readonly topP?: { readonly p: Value; readonly least: Value } | undefined;
  /** 0 where all tokens may be drawn. */
  readonly minP?: Value | undefined;
}

/** Which of both a step's rows have. */
export interface Narrowed {
  readonly topP: boolean;
  readonly minP: boolean;
}

/** The inputs `topP`, `leastLog` and `minP` of a graph, as far as its rows have them. @param shape of one value a row. */
export function narrowingInputs(
  graph: Graph,
  { topP, minP }: Narrowed,
  shape: readonly (string | number)[],
  column: (perRow: Value) => Value,
): RowNarrowing {
  const input = (name: string): Value => column(graph.input(name, "float32", [...shape]));
  return {
    ...(topP && { topP: { p: input("topP"), least: input("leastLog") } }),
    ...(minP && { minP: input("minP") }),
  };
}

/** Halvings of a range of at most some twenty nats: what is left is less than two float32 logits are apart. */
const HALVINGS = 26;

/**
 * The weights of a row with those of tokens that may not be drawn set to 0.
 * @param weights exp((logits − their maximum) / temperature), [n, V]: the largest of each row is 1.
 */
export function narrowed(weights: Value, { topP, minP }: RowNarrowing): Value {
  let kept = weights;
  if (topP) {
    const least = exp(nucleus(weights, topP));
    kept = atLeast(weights, kept, where(lessOrEqual(1, topP.p), 0, least));
  }
  if (minP) kept = atLeast(weights, kept, minP);
  return kept;
}

function atLeast(weights: Value, kept: Value, least: Value): Value {
  return where(lessOrEqual(least, weights), kept, 0);
}

/**
 * log of the least weight in the nucleus, [n, 1], by halving: the graph has no sort. Tokens less likely than (1 − p) / V have less than
 * 1 − p together, which is where the search begins.
 */
function nucleus(weights: Value, { p, least }: NonNullable<RowNarrowing["topP"]>): Value {
  const total = rowSums(weights);
  const wanted = mul(total, p);
  let low = add(log(total), least);
  // No weight is above 1, so nothing is left at the upper end.
  let high: Value | number = 1e-3;
  for (let step = 0; step < HALVINGS; step++) {
    const middle: Value = mul(add(low, high), 0.5);
    const mass = rowSums(atLeast(weights, weights, exp(middle)));
    const enough = lessOrEqual(wanted, mass);
    [low, high] = [where(enough, middle, low), where(enough, high, middle)];
  }
  return low;
}
