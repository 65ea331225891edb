import {
  add,
  argMax,
  cast,
  cumSum,
  div,
  exp,
  gatherElements,
  gatherND,
  lessOrEqual,
  log,
  max,
  min,
  mul,
  reduceMax,
  reduceSum,
  reshape,
  slice,
  sub,
  where,
  type Value,
} from "../../graph/index.js";
import { narrowed, type RowNarrowing } from "./narrowed.js";
import { padRight, rowSums } from "./row-sums.js";

/** What a decode step returns of each row; logits never leave the graph. */
export interface Drawn {
  /** int32 [n]. */
  readonly token: Value;
  /** log p(token) at temperature 1, [n]. */
  readonly logProb: Value;
  /** KL(uniform ‖ p) at temperature 1 in nats, [n]. */
  readonly certainty: Value;
  /** log of the probability under which the token was drawn, at the temperature and among those that may be drawn, [n]; without a temperature absent. */
  readonly drawnLogProb?: Value;
}

/** Vocabularies up to this size are searched in one level. */
const ONE_LEVEL = 512;

/** What softmax(logits) is made of: logits less their maximum, exp of these [n, V], and log Σ exp(logits) [n, 1]. */
export function softmaxParts(
  logits: Value,
  top = reduceMax(logits, [-1], { keepDims: true }),
): Readonly<Record<"shifted" | "weights" | "logTotal", Value>> {
  const shifted = sub(logits, top);
  const weights = exp(shifted);
  return { shifted, weights, logTotal: add(log(rowSums(weights)), top) };
}

/** KL(uniform ‖ softmax(logits)) in nats, [n, 1]. */
export function certaintyOf(logits: Value, logTotal: Value): Value {
  const size = logits.shape[1] as number;
  return sub(logTotal, add(div(rowSums(logits), size), Math.log(size)));
}

/**
 * Draws a token a row by inverting the cumulative distribution of softmax(logits / temperature) at the given uniform;
 * a uniform below 0 asks for the argmax (lowest id on ties).
 * @param logits [n, V].
 * @param uniforms [n, 1] in [0, 1), or negative.
 * @param temperature [n, 1], > 0; undefined for 1, which saves a pass.
 * @param targets int32 [n, 1]: tokens that are taken as drawn, or negative. Absent: none.
 * @param narrowing which tokens may be drawn. Absent: all.
 */
export function samplingHead(
  logits: Value,
  uniforms: Value,
  temperature: Value | undefined,
  targets?: Value,
  narrowing: RowNarrowing = {},
): Drawn {
  const { top, index: greedy } = largest(logits);
  const { shifted, weights, logTotal } = softmaxParts(logits, top);
  const tempered = temperature === undefined ? weights : exp(div(shifted, temperature));
  const sampled = invert(narrowed(tempered, narrowing), uniforms);
  const drawn = where(lessOrEqual(0, uniforms), sampled.index, greedy);
  const given = targets && cast(targets, "float32");
  const index = cast(given ? where(lessOrEqual(0, given), given, drawn) : drawn, "int64");
  const logProb = sub(gatherElements(logits, index, 1), logTotal);
  const certainty = certaintyOf(logits, logTotal);
  return {
    token: reshape(cast(index, "int32"), [-1]),
    logProb: reshape(logProb, [-1]),
    certainty: reshape(certainty, [-1]),
    ...(temperature !== undefined && {
      drawnLogProb: reshape(
        sub(div(gatherElements(shifted, index, 1), temperature), log(sampled.total)),
        [-1],
      ),
    }),
  };
}

/**
 * The largest logit of each row and the first index that has it, as float32; [n, 1] each. By blocks, where the vocabulary has them: ONNX
 * Runtime looks for a maximum in a fifth of the time that it takes to look for its place, which is then left for one block a row.
 */
function largest(logits: Value): { readonly top: Value; readonly index: Value } {
  const size = logits.shape[1] as number;
  const place = (x: Value): Value => reshape(cast(argMax(x), "float32"), [-1, 1]);
  const root = Math.sqrt(size);
  const width = size > ONE_LEVEL ? (divisorNear(root, size, 2) ?? divisorNear(root, size, 16)) : undefined;
  if (width === undefined) return { top: reduceMax(logits, [-1], { keepDims: true }), index: place(logits) };
  const blocks = reshape(logits, [-1, size / width, width]);
  const tops = reduceMax(blocks, [-1]);
  const outer = place(tops);
  const inner = place(gatherND(blocks, cast(outer, "int64"), 1));
  return { top: reduceMax(tops, [-1], { keepDims: true }), index: add(mul(outer, width), inner) };
}

/** The index whose cumulative weight passes u · total, as float32 (exact: vocabularies are below 2^24), and the total; [n, 1] each. */
function invert(weights: Value, uniforms: Value): { readonly index: Value; readonly total: Value } {
  const size = weights.shape[1] as number;
  if (size <= ONE_LEVEL) {
    const total = rowSums(weights);
    return { index: pick(weights, mul(uniforms, total)).index, total };
  }
  const width = blockWidth(size);
  const blocks = Math.ceil(size / width);
  const padded = blocks * width === size ? weights : padRight(weights, blocks * width - size);
  const grouped = reshape(padded, [-1, blocks, width]);
  const sums = reduceSum(grouped, [2]);
  const total = rowSums(sums);
  const target = mul(uniforms, total);
  const outer = pick(sums, target);
  const block = gatherND(grouped, cast(outer.index, "int64"), 1);
  const inner = pick(block, sub(target, outer.before));
  return { index: add(mul(outer.index, width), inner.index), total };
}

/**
 * The first index whose cumulative weight exceeds `target`, and the weight before it. Rounding can neither run past
 * the end nor stop at an index of weight 0.
 */
function pick(weights: Value, target: Value): { readonly index: Value; readonly before: Value } {
  const size = weights.shape[1] as number;
  const cumulative = cumSum(weights, 1);
  const total = slice(cumulative, 1, size - 1, size);
  const passed = reduceSum(cast(lessOrEqual(cumulative, max(target, 0)), "float32"), [-1], {
    keepDims: true,
  });
  const reachingTotal = reduceSum(cast(lessOrEqual(total, cumulative), "float32"), [-1], { keepDims: true });
  const index = min(passed, sub(size, reachingTotal));
  const column = cast(index, "int64");
  return { index, before: sub(gatherElements(cumulative, column, 1), gatherElements(weights, column, 1)) };
}

/** A divisor of the vocabulary near its square root, else 256 with padding. */
function blockWidth(size: number): number {
  return divisorNear(Math.sqrt(size), size, 2) ?? 256;
}

/** The largest divisor of a size that is at most so many times as large as a value, and no more times smaller. */
function divisorNear(value: number, size: number, times: number): number | undefined {
  for (let width = Math.floor(value * times); width >= value / times; width--)
    if (size % width === 0) return width;
  return undefined;
}
