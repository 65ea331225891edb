import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomStream } from "../core/random.js";
import { drawResamples, estimateDifference, estimateLift, estimateMean } from "./bootstrap.js";

describe("the interval of a mean", () => {
  it("holds the true mean in about 95 % of simulated evaluations", () => {
    const resamples = drawResamples(100, { seed: 1, resamples: 500 });
    const stream = randomStream(2, "simulation");
    let held = 0;
    const trials = 600;
    for (let trial = 0; trial < trials; trial++) {
      const values = Array.from({ length: 100 }, () => (stream.next() < 0.3 ? 1 : 0));
      const { low, high } = estimateMean(values, resamples, "share");
      if (low <= 0.3 && 0.3 <= high) held++;
    }
    // ± 3 standard errors of a proportion of 600 is 2.7 points; intervals run a little wide.
    expect(held / trials).toBeGreaterThan(0.915);
    expect(held / trials).toBeLessThan(0.99);
  });

  it("agrees with the normal approximation", () => {
    const stream = randomStream(3, "normal");
    const values = Array.from({ length: 400 }, () => stream.normal());
    const mean = values.reduce((a, b) => a + b, 0) / 400;
    const error = Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0)) / 400;
    const { value, low, high } = estimateMean(values, drawResamples(400, { seed: 4 }));
    expect(value).toBeCloseTo(mean, 12);
    expect((value - low) / error).toBeCloseTo(1.96, 0.5);
    expect((high - value) / error).toBeCloseTo(1.96, 0.5);
  });

  it("is the value itself for one prompt and for equal values", () => {
    expect(estimateMean([0.25], drawResamples(1, { seed: 1 }))).toEqual({
      value: 0.25,
      low: 0.25,
      high: 0.25,
    });
    expect(estimateMean([2, 2, 2, 2], drawResamples(4, { seed: 1 }))).toEqual({ value: 2, low: 2, high: 2 });
  });

  it("is the same for the same seed, and another for another", () => {
    // Skewed, so that the studentized bootstrap is the wider one on one side.
    const values = Array.from({ length: 30 }, (_, i) => Math.exp(((i * 7) % 11) / 3));
    const of = (seed: number) => estimateMean(values, drawResamples(30, { seed }));
    expect(of(5)).toEqual(of(5));
    expect(of(5)).not.toEqual(of(6));
  });

  it("always holds the value, and widens with the level", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 1, maxLength: 20 }),
        (values) => {
          const narrow = estimateMean(
            values,
            drawResamples(values.length, { seed: 1, resamples: 200, level: 0.5 }),
          );
          const wide = estimateMean(
            values,
            drawResamples(values.length, { seed: 1, resamples: 200, level: 0.99 }),
          );
          expect(narrow.low).toBeLessThanOrEqual(narrow.value);
          expect(narrow.high).toBeGreaterThanOrEqual(narrow.value);
          expect(wide.low).toBeLessThanOrEqual(narrow.low);
          expect(wide.high).toBeGreaterThanOrEqual(narrow.high);
        },
      ),
      { numRuns: 50, seed: 1 },
    );
  });
});

describe("beyond as many prompts as are resampled", () => {
  it("the interval is that of the resamples but for their noise, skewed as they are", () => {
    const stream = randomStream(6, "skewed");
    // Squared log-normal: some 300 times as skewed as an exponential.
    const values = Array.from({ length: 20_001 }, () => Math.exp(2 * stream.normal()));
    const short = (estimateMeanOf: readonly number[]) => {
      const { value, low, high } = estimateMean(
        estimateMeanOf,
        drawResamples(estimateMeanOf.length, { seed: 2, resamples: 400 }),
      );
      return { below: value - low, above: high - value };
    };
    expect(drawResamples(20_001, { seed: 2 }).promptDraws).toHaveLength(0);
    const [without, resampled] = [short(values), short(values.slice(0, 20_000))];
    // Quantiles of 400 resamples have a standard error of some 5 %.
    expect(without.above / resampled.above).toBeCloseTo(1, 0.9);
    expect(without.below / resampled.below).toBeCloseTo(1, 0.9);
    expect(without.above).toBeGreaterThan(1.05 * without.below);
  });
});

describe("several seeds", () => {
  it("count as a second source of chance: the interval holds what both bring", () => {
    const stream = randomStream(7, "two-level");
    const resamples = drawResamples(60, { seed: 1, resamples: 400, seeds: 8 });
    const overPromptsOnly = drawResamples(60, { seed: 1, resamples: 400 });
    let held = 0;
    let heldByPrompts = 0;
    const trials = 200;
    for (let trial = 0; trial < trials; trial++) {
      const prompts = Array.from({ length: 60 }, () => stream.normal());
      const rows = Array.from({ length: 8 }, () => {
        const seed = stream.normal();
        return prompts.map((prompt) => prompt + seed + stream.normal());
      });
      const both = estimateMean(rows, resamples);
      if (both.low <= 0 && 0 <= both.high) held++;
      const means = prompts.map((_, i) => rows.reduce((sum, row) => sum + row[i]!, 0) / 8);
      const single = estimateMean(means, overPromptsOnly);
      expect(both.value).toBeCloseTo(single.value, 12);
      if (single.low <= 0 && 0 <= single.high) heldByPrompts++;
    }
    expect(held / trials).toBeGreaterThan(0.88);
    expect(heldByPrompts / trials).toBeLessThan(0.7);
  });

  it("that are all alike change nothing but the resamples", () => {
    const row = [1, 2, 3, 4, 5, 6];
    const three = estimateMean([row, row, row], drawResamples(6, { seed: 9, seeds: 3 }));
    expect(three).toEqual(estimateMean(row, drawResamples(6, { seed: 9 })));
  });

  it("share a comparison that has none of its own", () => {
    const resamples = drawResamples(3, { seed: 1, seeds: 2 });
    const rows = [
      [1, 2, 3],
      [3, 4, 5],
    ];
    // The seeds' means are 0 and 2: a standard error of 1 with one degree of freedom.
    const { value, low, high } = estimateDifference(rows, [1, 2, 3], resamples);
    expect(value).toBe(1);
    expect(high - 1).toBeCloseTo(12.7062, 3);
    expect(1 - low).toBeCloseTo(12.7062, 3);
  });
});

describe("paired differences", () => {
  it("leave out what both have in common", () => {
    const stream = randomStream(11, "paired");
    const common = Array.from({ length: 50 }, () => 10 * stream.normal());
    const shifted = common.map((value) => value + 1);
    const paired = estimateDifference(shifted, common, drawResamples(50, { seed: 1 }));
    expect(paired.value).toBeCloseTo(1, 12);
    expect(paired.low).toBeCloseTo(1, 12);
    expect(paired.high).toBeCloseTo(1, 12);
  });
});

describe("lift", () => {
  it("is 100·(a − b)/b of the means, resampled together", () => {
    const b = [1, 0, 1, 0, 1, 1, 1, 0, 1, 1];
    const half = b.map((value) => value * 1.5);
    const lift = estimateLift(half, b, drawResamples(10, { seed: 1 }))!;
    // a is 1.5 b on every prompt, so the ratio is 50 % in every resample.
    expect(lift.value).toBeCloseTo(50, 10);
    expect(lift.low).toBeCloseTo(50, 10);
    expect(lift.high).toBeCloseTo(50, 10);
  });

  it("is absent where the other is 0, or so near that the interval is infinite", () => {
    const once = Array.from({ length: 40 }, (_, i) => (i === 0 ? 1 : 0));
    const always = once.map(() => 1);
    const resamples = drawResamples(40, { seed: 1 });
    expect(
      estimateLift(
        always,
        always.map(() => 0),
        resamples,
      ),
    ).toBeUndefined();
    expect(estimateLift(always, once, resamples)).toBeUndefined();
    expect(estimateLift(once, always, resamples)!.value).toBeCloseTo(-97.5, 10);
  });
});
