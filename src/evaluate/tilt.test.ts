import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tiltWeights } from "./tilt.js";

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
