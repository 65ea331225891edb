import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Facts, Ground } from "./answers.js";
import { drawResamples } from "./bootstrap.js";
import { tiltCurve, tiltWeights } from "./tilt.js";

const ground = (prompts: number): Ground => ({
  prompts,
  labelledPrompts: prompts,
  resamples: (count) => drawResamples(count, { seed: 0, resamples: 50 }),
});

/** A pool in which each response stands as often as its probability says: sums over it are expectations under π. */
function exactPool(counts: readonly number[], right: readonly number[]): Facts {
  const total = counts.reduce((a, b) => a + b, 0);
  const each = counts.flatMap((count, y) => Array.from({ length: count }, () => y));
  return {
    logProbs: each.map((y) => Math.log(counts[y]! / total)),
    lengths: each.map(() => 1),
    correct: Uint8Array.from(each.map((y) => right[y]!)),
  };
}

describe("tiltCurve", () => {
  const counts = [5, 3, 2];
  const right = [0, 1, 0];
  const pool = exactPool(counts, right);

  it.each([0.25, 0.5, 1, 4])("is π^(1+1/β) for the log-likelihood, β = %d", (beta) => {
    const unnormalized = counts.map((count) => (count / 10) ** (1 + 1 / beta));
    const mass = unnormalized.reduce((a, b) => a + b, 0);
    const optimum = unnormalized.map((value) => value / mass);
    const expectation = (value: (y: number) => number): number =>
      optimum.reduce((sum, p, y) => sum + p * value(y), 0);
    const log = (y: number): number => Math.log(counts[y]! / 10);
    const [point] = tiltCurve([[pool]], [[[...pool.logProbs]]], ground(1), [beta]);
    expect(point!.beta).toBe(beta);
    expect(point!.logLikelihood.value).toBeCloseTo(expectation(log), 12);
    expect(point!.reward.value).toBeCloseTo(expectation(log), 12);
    expect(point!.accuracy!.value).toBeCloseTo(optimum[1]!, 12);
    expect(point!.kl.value).toBeCloseTo(
      expectation((y) => Math.log(optimum[y]! / (counts[y]! / 10))),
      12,
    );
    expect(point!.covariance!.value).toBeCloseTo(
      expectation((y) => right[y]! * log(y)) - optimum[1]! * expectation(log),
      12,
    );
  });

  it("has the covariance as the derivative of accuracy by 1/β", () => {
    const at = (inverse: number): number =>
      tiltCurve([[pool]], [[[...pool.logProbs]]], ground(1), [1 / inverse])[0]!.accuracy!.value;
    const step = 1e-5;
    const [point] = tiltCurve([[pool]], [[[...pool.logProbs]]], ground(1), [0.5]);
    expect(point!.covariance!.value).toBeCloseTo((at(2 + step) - at(2 - step)) / (2 * step), 6);
  });

  it("spends more nats the smaller β is, from the base itself to its likeliest response", () => {
    const points = tiltCurve([[pool]], [[[...pool.logProbs]]], ground(1), [1e-3, 1, 1e9]);
    expect(points.map(({ beta }) => beta)).toEqual([1e9, 1, 1e-3]);
    const [base, , sharp] = points;
    expect(base!.kl.value).toBeCloseTo(0, 8);
    expect(base!.effectiveResponses).toBeCloseTo(10, 6);
    expect(base!.accuracy!.value).toBeCloseTo(0.3, 8);
    expect(sharp!.kl.value).toBeCloseTo(Math.log(2), 8);
    expect(sharp!.effectiveResponses).toBeCloseTo(5, 8);
    expect(sharp!.accuracy!.value).toBeCloseTo(0, 8);
    const kls = points.map(({ kl }) => kl.value);
    expect(kls).toEqual([...kls].sort((a, b) => a - b));
  });

  it("leaves out prompts that the reward rates not at all, and has no accuracy without labels", () => {
    const unlabelled = { ...pool, correct: undefined };
    const none = pool.logProbs.map(() => -Infinity);
    const both = tiltCurve([[unlabelled, pool]], [[[...pool.logProbs], none]], ground(2), [1]);
    expect(both).toEqual(tiltCurve([[unlabelled]], [[[...pool.logProbs]]], ground(1), [1]));
    expect(both[0]!.accuracy).toBeUndefined();
    expect(both[0]!.covariance).toBeUndefined();
    expect(tiltCurve([[pool]], [[none]], ground(1))).toEqual([]);
  });

  it("takes β by the reward's spread within prompts, and none where it has none", () => {
    const betas = (...scores: readonly (readonly number[])[]): number[] => {
      const facts = scores.map((own) => ({ ...pool, logProbs: own, lengths: own, correct: undefined }));
      return tiltCurve([facts], [scores], ground(scores.length)).map(({ beta }) => beta);
    };
    // Within each prompt ±1 about its mean: variance 2 with one degree of freedom each, 1.41 to one digit 1.
    expect(betas([0, 2], [100, 102])).toEqual([4, 2, 1, 0.5, 0.25, 0.125, 0.0625]);
    expect(betas([3, 3], [5])).toEqual([]);
    expect(betas([-Infinity, 0, 2])).toHaveLength(7);
  });

  it("takes all seeds' draws of a prompt together", () => {
    const half = (from: number): Facts => ({
      logProbs: pool.logProbs.filter((_, i) => i % 2 === from),
      lengths: pool.lengths.filter((_, i) => i % 2 === from),
      correct: pool.correct!.filter((_, i) => i % 2 === from),
    });
    const seeds = [half(0), half(1)];
    const scores = seeds.map((seed) => [[...seed.logProbs]]);
    const own = ground(1);
    const [split] = tiltCurve(
      seeds.map((seed) => [seed]),
      scores,
      { ...own, resamples: (count) => ({ ...own.resamples(count), seeds: 2 }) },
      [0.5],
    );
    const [whole] = tiltCurve([[pool]], [[[...pool.logProbs]]], own, [0.5]);
    expect(split!.accuracy!.value).toBeCloseTo(whole!.accuracy!.value, 12);
    expect(split!.effectiveResponses).toBeCloseTo(whole!.effectiveResponses, 10);
  });
});

describe("tiltWeights", () => {
  it("tilts draws as π*_β does: log-likelihood gives π^(1+1/β) on a pool with each response as often as its probability says", () => {
    const counts = [5, 3, 2];
    const pool = counts.flatMap((count, y) => Array.from({ length: count }, () => y));
    const weights = tiltWeights(
      pool.map((y) => Math.log(counts[y]! / 10)),
      0.5,
    );
    const cubes = counts.map((count) => count ** 3);
    const total = cubes.reduce((a, b) => a + b, 0);
    counts.forEach((_, y) => {
      const share = pool.reduce((sum, drawn, i) => (drawn === y ? sum + weights[i]! : sum), 0);
      expect(share).toBeCloseTo(cubes[y]! / total, 12);
    });
  });

  it("gives scores of −∞ nothing, unless there is no other", () => {
    expect([...tiltWeights([-Infinity, 0, 0], 1)]).toEqual([0, 0.5, 0.5]);
    expect([...tiltWeights([-Infinity, -Infinity], 1)]).toEqual([0.5, 0.5]);
  });

  it("sums to 1, is ordered as the scores are, and does not overflow", () => {
    const score = fc.oneof(fc.double({ min: -1e4, max: 1e4, noNaN: true }), fc.constant(-Infinity));
    fc.assert(
      fc.property(
        fc.array(score, { minLength: 1, maxLength: 20 }),
        fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
        (scores, beta) => {
          const weights = tiltWeights(scores, beta);
          expect(weights.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 10);
          for (let i = 1; i < scores.length; i++)
            if (scores[i]! > scores[i - 1]!) expect(weights[i]!).toBeGreaterThanOrEqual(weights[i - 1]!);
        },
      ),
    );
  });
});
