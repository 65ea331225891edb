import { randomStream, type RandomStream } from "../core/random.js";
import type { Estimate } from "./metrics.js";
import { exactShare, studentQuantile } from "./student.js";

/**
 * Intervals over prompts: prompts are what was sampled from μ, and figures of the same prompts are compared pair by pair.
 *
 * - A share of prompts (every value 0 or 1) has Clopper and Pearson's exact interval, so that 0 of 6 is not [0, 0].
 * - A mean, and a paired difference, has on each side the wider of the studentized bootstrap (Efron & Tibshirani 1993, ch. 12.5),
 *   which follows skewness, and of Student's t, which holds where few distinct values leave the bootstrap too little to draw from. The
 *   standard error counts one value more, as far from the mean as the farthest, for what few prompts have not shown.
 *   Beyond `MOST_RESAMPLED` prompts, where thousands of resamples would take gigabytes, the first term of the expansion that the studentized
 *   bootstrap estimates stands for it (Hall 1992, ch. 3.3): what it leaves out is of the order of 1/prompts, less than their noise.
 * - Where all differences between two shares are 0 the interval is ± the exact limit for 0 of n.
 * - A ratio has Fieller's interval.
 * - With several seeds (several trained adapters, say) the interval of the seeds' means, with the few degrees of freedom that two or three
 *   leave, is added to that over prompts as variances are: few seeds give wide intervals. (One t with Satterthwaite's degrees of freedom
 *   held the truth in 87 of 100 with two seeds that differ much.)
 *
 * A test simulates the coverage of each kind. Where all values are equal, and they are no shares, the interval is the value itself: it
 * then says nothing of the uncertainty.
 */

/** Values by prompt; or, with several seeds, a row of values by prompt for each seed. */
export type Sampled = ArrayLike<number> | readonly ArrayLike<number>[];

/** The resamples that all figures of the same prompts share. */
export interface Resamples {
  readonly prompts: number;
  readonly seeds: number;
  /** Number of resamples. */
  readonly count: number;
  /** How often an interval is to hold the truth, in (0, 1). */
  readonly level: number;
  /** Positions of prompts: `count` rows of `prompts`; none beyond `MOST_RESAMPLED` prompts. */
  readonly promptDraws: Uint32Array;
}

/** How to resample. */
export interface BootstrapOptions {
  /** A non-negative safe integer: same seed, same intervals. */
  readonly seed: number;
  /** Default 2,000. */
  readonly resamples?: number;
  /** Default 0.95. */
  readonly level?: number;
  /** How many seeds the figures have rows for; default 1. */
  readonly seeds?: number;
}

/** Of so many prompts at most resamples are drawn. */
const MOST_RESAMPLED = 20_000;

/** Draws the resamples for `prompts` ≥ 1 prompts. */
export function drawResamples(prompts: number, options: BootstrapOptions): Resamples {
  const { seed, resamples: count = 2000, level = 0.95, seeds = 1 } = options;
  return {
    prompts,
    seeds,
    count,
    level,
    promptDraws: drawPositions(
      prompts > MOST_RESAMPLED ? 0 : count * prompts,
      prompts,
      randomStream(seed, "bootstrap prompts"),
    ),
  };
}

function drawPositions(length: number, bound: number, stream: RandomStream): Uint32Array {
  const positions = new Uint32Array(length);
  if (bound > 1) for (let i = 0; i < length; i++) positions[i] = stream.integer(bound);
  return positions;
}

/** A row of values by prompt for each seed; a figure without seeds of its own (the base's greedy) is the same for all. */
function rowsOf(values: Sampled, resamples: Resamples): readonly Float64Array[] {
  const first = values[0];
  const given =
    typeof first === "number" ? [values as ArrayLike<number>] : (values as readonly ArrayLike<number>[]);
  // One kind of array keeps the loops below fast.
  const rows = given.map((row) => Float64Array.from(row));
  return Array.from({ length: resamples.seeds }, (_, seed) => (rows.length === 1 ? rows[0]! : rows[seed]!));
}

/** What the values are: shares lie in [0, 1], and so between −1 and 1 do their differences. */
export type ValueKind = "share" | "number";

const meanOf = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
};

function squaresAround(values: ArrayLike<number>, centre: number): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! - centre) ** 2;
  return sum;
}

/** By prompt, the mean over the seeds. */
const overSeeds = (rows: readonly Float64Array[]): Float64Array =>
  rows.length === 1
    ? rows[0]!
    : rows[0]!.map((_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / rows.length);

/** The q-quantile of sorted values, interpolated linearly between order statistics. */
function quantile(sorted: Float64Array, q: number): number {
  const position = q * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  const fraction = position - below;
  return fraction === 0 ? low : low + fraction * (sorted[below + 1]! - low);
}

/** Quantiles of (resample's mean − mean)/(resample's standard error): what Student's t is for normal values. */
function studentized(
  values: Float64Array,
  mean: number,
  extra: number,
  { prompts, count, level, promptDraws }: Resamples,
): { readonly below: number; readonly above: number } {
  const result = new Float64Array(count);
  for (let b = 0; b < count; b++) {
    let sum = 0;
    let squares = 0;
    for (let i = b * prompts; i < (b + 1) * prompts; i++) {
      const away = values[promptDraws[i]!]! - mean;
      sum += away;
      squares += away * away;
    }
    const moved = sum / prompts;
    const error = Math.sqrt((squares - prompts * moved * moved + extra) / (prompts * (prompts - 1)));
    result[b] = moved / error;
  }
  result.sort();
  return { below: quantile(result, (1 - level) / 2), above: quantile(result, (1 + level) / 2) };
}

/**
 * The same without resamples, for many prompts: Student's quantile, moved as skewness moves it, −γ·(2z² + 1)/(6·√prompts). The mean of
 * what is skewed to the right is more often far too small than far too large.
 */
function expanded(
  values: Float64Array,
  mean: number,
  extra: number,
  { prompts, level }: Resamples,
): { readonly below: number; readonly above: number } {
  const squares = squaresAround(values, mean);
  let cubes = 0;
  for (let i = 0; i < values.length; i++) cubes += (values[i]! - mean) ** 3;
  const skewness = cubes / prompts / (squares / prompts) ** 1.5;
  const z = studentQuantile(level, prompts - 1);
  const moved = (skewness * (2 * z * z + 1)) / (6 * Math.sqrt(prompts));
  const scale = Math.sqrt(squares / (squares + extra));
  return { below: scale * (-z - moved), above: scale * (z - moved) };
}

/** The squared half-width of an interval of the mean over seeds, as far as the seeds' own means tell; 0 for one seed. */
function seedWidth(rows: readonly Float64Array[], level: number): number {
  const further = rows.length - 1;
  if (further === 0) return 0;
  const means = rows.map(meanOf);
  const variance = squaresAround(means, meanOf(means)) / (further * rows.length);
  return studentQuantile(level, further) ** 2 * variance;
}

/** The interval of the mean of `rows`, which are means over prompts of what is no 0/1 share. */
function meanInterval(rows: readonly Float64Array[], resamples: Resamples): Estimate {
  const { prompts, level } = resamples;
  const values = overSeeds(rows);
  const value = meanOf(values);
  const squares = squaresAround(values, value);
  const seeds = seedWidth(rows, level);
  if (prompts < 2 || (squares === 0 && seeds === 0)) return { value, low: value, high: value };
  const extra = values.reduce((most, x) => Math.max(most, (x - value) ** 2), 0);
  const variance = (squares + extra) / (prompts * (prompts - 1));
  const student = studentQuantile(level, prompts - 1);
  const quantiles = prompts > MOST_RESAMPLED ? expanded : studentized;
  const drawn = squares === 0 ? { below: 0, above: 0 } : quantiles(values, value, extra, resamples);
  // By how much: between prompts and between seeds, each with its own degrees of freedom, added as variances are.
  const half = (quantile: number): number => Math.sqrt(quantile ** 2 * variance + seeds);
  return {
    value,
    low: value - half(Math.max(student, drawn.above)),
    high: value + half(Math.max(student, -drawn.below)),
  };
}

const isBinary = (rows: readonly Float64Array[]): boolean =>
  rows.every((row) => row.every((value) => value === 0 || value === 1));

const clipped = ({ value, low, high }: Estimate, least: number, most: number): Estimate => ({
  value,
  low: Math.max(least, low),
  high: Math.min(most, high),
});

function shareInterval(rows: readonly Float64Array[], resamples: Resamples): Estimate {
  const values = overSeeds(rows);
  const value = meanOf(values);
  const flat = value === 0 || value === 1;
  if (flat || (rows.length === 1 && isBinary(rows))) {
    const hits = Math.round(value * resamples.prompts);
    return { value, ...exactShare(hits, resamples.prompts, resamples.level) };
  }
  return clipped(meanInterval(rows, resamples), 0, 1);
}

/** Several seeds whose rows are the same are one. */
function distinctRows(values: Sampled, resamples: Resamples): readonly Float64Array[] {
  const rows = rowsOf(values, resamples);
  return rows.every((row) => row === rows[0] || row.every((value, i) => value === rows[0]![i]))
    ? rows.slice(0, 1)
    : rows;
}

/** The mean over prompts (and seeds). */
export function estimateMean(values: Sampled, resamples: Resamples, kind: ValueKind = "number"): Estimate {
  const rows = distinctRows(values, resamples);
  return kind === "share" ? shareInterval(rows, resamples) : meanInterval(rows, resamples);
}

/** The mean of a − b, paired by prompt (and seed). @param kind of a and b. */
export function estimateDifference(
  a: Sampled,
  b: Sampled,
  resamples: Resamples,
  kind: ValueKind = "number",
): Estimate {
  const rowsA = rowsOf(a, resamples);
  const rowsB = rowsOf(b, resamples);
  const rows = rowsA.map((row, s) => row.map((value, i) => value - rowsB[s]![i]!));
  if (kind === "number") return estimateMean(rows, resamples);
  const same = rows.every((row) => row.every((value) => value === 0));
  if (same && isBinary(rowsA) && isBinary(rowsB)) {
    const { high } = exactShare(0, resamples.prompts, resamples.level);
    return { value: 0, low: -high, high };
  }
  return clipped(estimateMean(rows, resamples), -1, 1);
}

/**
 * Relative lift as the paper reports it, in percent: 100·(mean a − mean b)/mean b, paired by prompt (and seed); for a, b ≥ 0.
 * Fieller's interval: every ratio R for which the mean of a − R·b is not clear of 0. Undefined where mean b is 0 or not clear of 0, for
 * then the interval is infinite: a ratio to next to nothing says nothing, and the difference in points remains.
 */
export function estimateLift(a: Sampled, b: Sampled, resamples: Resamples): Estimate | undefined {
  const [rowsA, rowsB] = [rowsOf(a, resamples), rowsOf(b, resamples)];
  const [top, bottom] = [overSeeds(rowsA), overSeeds(rowsB)];
  const { prompts, level } = resamples;
  const [meanA, meanB] = [meanOf(top), meanOf(bottom)];
  if (meanB === 0) return undefined;
  if (prompts < 2) return lift(meanA / meanB, meanA / meanB, meanA / meanB);
  const scale = prompts * (prompts - 1);
  const cross = top.reduce((sum, value, i) => sum + (value - meanA) * (bottom[i]! - meanB), 0) / scale;
  const t = studentQuantile(level, prompts - 1) ** 2;
  const widthA = (t * squaresAround(top, meanA)) / scale + seedWidth(rowsA, level);
  const widthB = (t * squaresAround(bottom, meanB)) / scale + seedWidth(rowsB, level);
  // (ā − R·b̄)² ≤ t²·(V_a − 2R·C + R²·V_b) is a quadratic in R.
  const square = meanB ** 2 - widthB;
  if (!(square > 0)) return undefined;
  const half = meanA * meanB - t * cross;
  const root = Math.sqrt(Math.max(0, half * half - square * (meanA ** 2 - widthA)));
  return lift(meanA / meanB, (half - root) / square, (half + root) / square);
}

const lift = (value: number, low: number, high: number): Estimate => ({
  value: 100 * (value - 1),
  low: 100 * (Math.min(low, value) - 1),
  high: 100 * (Math.max(high, value) - 1),
});
