import { randomStream, type RandomStream } from "../core/random.js";
import type { Estimate } from "./metrics.js";

/**
 * Percentile bootstrap over prompts (Efron & Tibshirani 1993, ch. 13): prompts are what was sampled from μ, so they are what
 * is resampled, and figures of the same prompts are compared on the same resamples (paired). Where a figure exists for
 * several seeds (several trained adapters, say), prompts and seeds are resampled independently and every pair that results
 * counts (the pigeonhole bootstrap of two crossed factors, Owen 2007), which errs on the wide side.
 *
 * With one prompt, or with all values equal, the interval is the value itself: it then says nothing of the uncertainty.
 */

/** Values by prompt; or, with several seeds, a row of values by prompt for each seed. */
export type Sampled = ArrayLike<number> | readonly ArrayLike<number>[];

/** The resamples that all figures of the same prompts share. */
export interface Resamples {
  readonly prompts: number;
  readonly seeds: number;
  /** Number of resamples. */
  readonly count: number;
  /** Share of the resamples' figures inside the interval, in (0, 1). */
  readonly level: number;
  /** Positions of prompts: `count` rows of `prompts`. */
  readonly promptDraws: Uint32Array;
  /** Positions of seeds: `count` rows of `seeds`. */
  readonly seedDraws: Uint32Array;
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

/** Draws the resamples for `prompts` ≥ 1 prompts. */
export function drawResamples(prompts: number, options: BootstrapOptions): Resamples {
  const { seed, resamples: count = 2000, level = 0.95, seeds = 1 } = options;
  return {
    prompts,
    seeds,
    count,
    level,
    promptDraws: drawPositions(count * prompts, prompts, randomStream(seed, "bootstrap prompts")),
    seedDraws: drawPositions(count * seeds, seeds, randomStream(seed, "bootstrap seeds")),
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

function meanOf(rows: readonly Float64Array[], prompts: number): number {
  let sum = 0;
  for (const row of rows) for (let i = 0; i < prompts; i++) sum += row[i]!;
  return sum / (prompts * rows.length);
}

/** The mean in each resample. */
function resampledMeans(rows: readonly Float64Array[], resamples: Resamples): Float64Array {
  const { prompts, seeds, count, promptDraws, seedDraws } = resamples;
  const result = new Float64Array(count);
  for (let b = 0; b < count; b++) {
    let sum = 0;
    for (let s = 0; s < seeds; s++) {
      const row = rows[seedDraws[b * seeds + s]!]!;
      for (let i = b * prompts; i < (b + 1) * prompts; i++) sum += row[promptDraws[i]!]!;
    }
    result[b] = sum / (prompts * seeds);
  }
  return result;
}

/** The q-quantile of sorted values, interpolated linearly between order statistics. */
function quantile(sorted: Float64Array, q: number): number {
  const position = q * (sorted.length - 1);
  const below = Math.floor(position);
  const low = sorted[below]!;
  const fraction = position - below;
  return fraction === 0 ? low : low + fraction * (sorted[below + 1]! - low);
}

/** The value between the quantiles of its resamples; never outside them by more than rounding. */
function estimate(value: number, resampled: Float64Array, level: number): Estimate {
  const sorted = resampled.sort();
  return {
    value,
    low: Math.min(value, quantile(sorted, (1 - level) / 2)),
    high: Math.max(value, quantile(sorted, (1 + level) / 2)),
  };
}

/** The mean over prompts (and seeds). */
export function estimateMean(values: Sampled, resamples: Resamples): Estimate {
  const rows = rowsOf(values, resamples);
  return estimate(meanOf(rows, resamples.prompts), resampledMeans(rows, resamples), resamples.level);
}

/** The mean of a − b, paired by prompt (and seed). */
export function estimateDifference(a: Sampled, b: Sampled, resamples: Resamples): Estimate {
  const rowsA = rowsOf(a, resamples);
  const rowsB = rowsOf(b, resamples);
  const rows = rowsA.map((row, s) => row.map((value, i) => value - rowsB[s]![i]!));
  return estimateMean(rows, resamples);
}

/**
 * Relative lift as the paper reports it, in percent: 100·(mean a − mean b)/mean b, paired by prompt (and seed); for a, b ≥ 0.
 * Undefined where mean b is 0, and where it is 0 in so many resamples that the interval would be infinite: a ratio to next to
 * nothing says nothing, and the difference in points remains.
 */
export function estimateLift(a: Sampled, b: Sampled, resamples: Resamples): Estimate | undefined {
  const [rowsA, rowsB] = [rowsOf(a, resamples), rowsOf(b, resamples)];
  const lift = (meanA: number, meanB: number): number =>
    meanB === 0 ? Infinity : (100 * (meanA - meanB)) / meanB;
  const means = resampledMeans(rowsB, resamples);
  const lifts = resampledMeans(rowsA, resamples).map((mean, i) => lift(mean, means[i]!));
  const result = estimate(
    lift(meanOf(rowsA, resamples.prompts), meanOf(rowsB, resamples.prompts)),
    lifts,
    resamples.level,
  );
  return Number.isFinite(result.value) && Number.isFinite(result.low) && Number.isFinite(result.high)
    ? result
    : undefined;
}
