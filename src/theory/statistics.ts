import type { RandomStream } from "../core/random.js";

/** The q-quantile by linear interpolation between order statistics; NaN for no values. */
export function quantile(values: readonly number[], q: number): number {
  if (values.length === 0) return NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const position = q * (sorted.length - 1);
  const low = Math.floor(position);
  const upper = sorted[Math.min(low + 1, sorted.length - 1)]!;
  return low === position ? sorted[low]! : sorted[low]! + (position - low) * (upper - sorted[low]!);
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Slope and intercept of least squares. */
export function leastSquares(
  xs: readonly number[],
  ys: readonly number[],
): { slope: number; intercept: number } {
  const xMean = mean(xs);
  const yMean = mean(ys);
  let cross = 0;
  let square = 0;
  xs.forEach((x, i) => {
    cross += (x - xMean) * (ys[i]! - yMean);
    square += (x - xMean) ** 2;
  });
  const slope = cross / square;
  return { slope, intercept: yMean - slope * xMean };
}

/** Replicates of a quantity measured at one abscissa. */
export interface Replicates {
  readonly x: number;
  readonly values: readonly number[];
}

/** A fitted exponent with its 95 % interval. */
export interface SlopeFit {
  readonly slope: number;
  readonly low: number;
  readonly high: number;
  /** The standard error of the slope; ∞ where a resample has no slope, because runs did not end. */
  readonly error: number;
  /** Decades that the abscissa spans (natural units for a semi-log fit). */
  readonly range: number;
}

/**
 * The exponent a in y ∝ x^a: least squares of log(median y) on log x, with a 95 % percentile bootstrap over the
 * replicates (seeds and instances) at each x.
 * @param semilog fits log y against x itself: y ∝ exp(a·x).
 * @param resamples bootstrap resamples.
 */
export function fitSlope(
  points: readonly Replicates[],
  stream: RandomStream,
  { semilog = false, resamples = 400 }: { readonly semilog?: boolean; readonly resamples?: number } = {},
): SlopeFit {
  const xs = points.map(({ x }) => (semilog ? x : Math.log(x)));
  const at = (pick: (values: readonly number[]) => readonly number[]): number =>
    leastSquares(
      xs,
      points.map(({ values }) => Math.log(median(pick(values)))),
    ).slope;
  const slopes = Array.from({ length: resamples }, () =>
    at((values) => values.map(() => values[stream.integer(values.length)]!)),
  );
  const span = Math.max(...xs) - Math.min(...xs);
  const centre = mean(slopes);
  const error = Math.sqrt(slopes.reduce((sum, slope) => sum + (slope - centre) ** 2, 0) / (resamples - 1));
  return {
    slope: at((values) => values),
    error: Number.isFinite(error) ? error : Infinity,
    low: quantile(slopes, 0.025),
    high: quantile(slopes, 0.975),
    range: semilog ? span : span / Math.LN10,
  };
}

/** KL(Bernoulli(p) ‖ Bernoulli(q)) in nats. */
function bernoulliDivergence(p: number, q: number): number {
  const term = (a: number, b: number): number => (a === 0 ? 0 : a * Math.log(a / b));
  return term(p, q) + term(1 - p, 1 - q);
}

/**
 * A lower confidence limit for a probability after `hits` of `trials`, from Chernoff's bound: valid for every sample
 * size. @param risk the chance that the limit exceeds the true probability.
 */
export function lowerLimit(hits: number, trials: number, risk: number): number {
  const share = hits / trials;
  if (hits === 0) return 0;
  let low = 0;
  let high = share;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (trials * bernoulliDivergence(share, middle) > Math.log(1 / risk)) low = middle;
    else high = middle;
  }
  return low;
}
