import type { RandomStream } from "../core/random.js";

/** A finite distribution prepared for drawing (Walker's alias table over its support). */
export interface Categorical {
  /** Outcomes of positive probability, ascending. */
  readonly support: Int32Array;
  /** Their probabilities. */
  readonly mass: Float64Array;
  readonly threshold: Float64Array;
  readonly alias: Int32Array;
}

/** Prepares a distribution in O(size). @param probabilities non-negative, sum 1. */
export function categorical(probabilities: Float64Array): Categorical {
  const support = Int32Array.from(Array.from(probabilities.keys()).filter((y) => probabilities[y]! > 0));
  const mass = Float64Array.from(support, (y) => probabilities[y]!);
  const size = support.length;
  const threshold = mass.map((p) => p * size);
  const alias = Int32Array.from({ length: size }, (_, i) => i);
  const small: number[] = [];
  const large: number[] = [];
  threshold.forEach((value, i) => (value < 1 ? small : large).push(i));
  while (small.length > 0 && large.length > 0) {
    const low = small.pop() as number;
    const high = large[large.length - 1] as number;
    alias[low] = high;
    threshold[high]! += threshold[low]! - 1;
    if (threshold[high]! < 1) small.push(large.pop() as number);
  }
  // What is left differs from 1 by rounding only.
  for (const i of [...small, ...large]) threshold[i] = 1;
  return { support, mass, threshold, alias };
}

/** One draw in O(1); one uniform picks the slot and, by its fraction, the side. */
export function drawOne({ support, threshold, alias }: Categorical, stream: RandomStream): number {
  const scaled = stream.next() * threshold.length;
  const slot = Math.floor(scaled);
  return support[scaled - slot < threshold[slot]! ? slot : alias[slot]!]!;
}

/** log(k!) minus Stirling's approximation to it. */
function stirlingTail(k: number): number {
  const exact = [
    0.08106146679532726, 0.0413406959554093, 0.02767792568499834, 0.02079067210376509, 0.01664469118982119,
    0.01387612882307075, 0.01189670994589177, 0.0104112652619721, 0.009255462182712733, 0.008330563433362871,
  ];
  if (k < exact.length) return exact[k]!;
  const square = (k + 1) * (k + 1);
  return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1);
}

/** Transformed rejection with squeeze for n·p ≥ 10, p ≤ 1/2 (Hörmann 1993, algorithm BTRS). */
function binomialByRejection(n: number, p: number, stream: RandomStream): number {
  const spread = Math.sqrt(n * p * (1 - p));
  const b = 1.15 + 2.53 * spread;
  const a = -0.0873 + 0.0248 * b + 0.01 * p;
  const centre = n * p + 0.5;
  const squeeze = 0.92 - 4.2 / b;
  const odds = p / (1 - p);
  const alpha = (2.83 + 5.1 / b) * spread;
  const mode = Math.floor((n + 1) * p);
  for (;;) {
    const u = stream.next() - 0.5;
    const v = stream.next();
    const us = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / us + b) * u + centre);
    if (us >= 0.07 && v <= squeeze) return k;
    if (k < 0 || k > n) continue;
    const bound =
      (mode + 0.5) * Math.log((mode + 1) / (odds * (n - mode + 1))) +
      (n + 1) * Math.log((n - mode + 1) / (n - k + 1)) +
      (k + 0.5) * Math.log((odds * (n - k + 1)) / (k + 1)) +
      stirlingTail(mode) +
      stirlingTail(n - mode) -
      stirlingTail(k) -
      stirlingTail(n - k);
    if (Math.log((v * alpha) / (a / (us * us) + b)) <= bound) return k;
  }
}

/** A Binomial(n, p) variate, exact in law; O(1) for large n·p. */
export function binomial(n: number, p: number, stream: RandomStream): number {
  if (n <= 0 || p <= 0) return 0;
  if (p >= 1) return n;
  if (p > 0.5) return n - binomial(n, 1 - p, stream);
  if (n * p >= 10) return binomialByRejection(n, p, stream);
  const scale = Math.log1p(-p);
  let count = 0;
  let position = 0;
  for (;;) {
    position += Math.floor(Math.log(1 - stream.next()) / scale) + 1;
    if (position > n) return count;
    count++;
  }
}

/**
 * How often each outcome occurs among k independent draws, as [outcome, count] pairs by outcome. Exact in law, and
 * costs O(min(k, size)): the order of exchangeable draws carries no information.
 */
export function multinomial(
  table: Categorical,
  k: number,
  stream: RandomStream,
): (readonly [number, number])[] {
  const { support, mass } = table;
  if (k === 0) return [];
  if (support.length === 1) return [[support[0]!, k]];
  if (k === 1) return [[drawOne(table, stream), 1]];
  if (k < 2 * support.length) {
    const counts = new Map<number, number>();
    for (let i = 0; i < k; i++) {
      const outcome = drawOne(table, stream);
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    }
    return [...counts].sort(([a], [b]) => a - b);
  }
  const found: (readonly [number, number])[] = [];
  let left = k;
  let rest = 1;
  for (let i = 0; i < support.length && left > 0; i++) {
    const isLast = i === support.length - 1;
    const count = isLast ? left : binomial(left, Math.min(1, mass[i]! / rest), stream);
    if (count > 0) found.push([support[i]!, count]);
    left -= count;
    rest -= mass[i]!;
  }
  return found;
}
