import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UsageError } from "../core/errors.js";
import { coverageAt } from "./coverage.js";
import { bestRankProbabilities, expectedUnderSubsets, rankWeights } from "./subsets.js";

/** Every n-subset of 0..size−1, as bit masks. */
function subsetsOf(size: number, n: number): number[][] {
  const result: number[][] = [];
  for (let mask = 0; mask < 1 << size; mask++) {
    const members = Array.from({ length: size }, (_, i) => i).filter((i) => mask & (1 << i));
    if (members.length === n) result.push(members);
  }
  return result;
}

const smallCase = fc
  .array(fc.oneof(fc.integer({ min: 0, max: 3 }), fc.double({ noNaN: true })), { minLength: 1, maxLength: 9 })
  .chain((scores) => fc.tuple(fc.constant(scores), fc.integer({ min: 1, max: scores.length })));

describe("rankWeights", () => {
  it("equals the share of subsets that each response wins, ties shared evenly", () => {
    fc.assert(
      fc.property(smallCase, ([scores, n]) => {
        const subsets = subsetsOf(scores.length, n);
        const wanted = scores.map(() => 0);
        for (const subset of subsets) {
          const best = Math.max(...subset.map((i) => scores[i]!));
          const winners = subset.filter((i) => scores[i] === best);
          for (const i of winners) wanted[i]! += 1 / winners.length / subsets.length;
        }
        rankWeights(scores, n).forEach((weight, i) => {
          expect(weight).toBeCloseTo(wanted[i]!, 12);
        });
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  it("is uniform for n = 1 and certain for n = M", () => {
    expect([...rankWeights([3, 1, 2, 2], 1)]).toEqual([0.25, 0.25, 0.25, 0.25]);
    expect([...rankWeights([3, 1, 2, 2], 4)]).toEqual([1, 0, 0, 0]);
    expect([...rankWeights([1, 3, 2, 3], 4)]).toEqual([0, 0.5, 0, 0.5]);
    expect([...rankWeights([-Infinity], 1)]).toEqual([1]);
  });

  it.each([
    [1000, 1],
    [1000, 2],
    [1000, 500],
    [1000, 999],
    [1000, 1000],
    [999, 37],
  ])("keeps full precision for M = %i, n = %i", (size, n) => {
    const weights = bestRankProbabilities(size, n);
    expect(weights.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
    // P(rank r) = C(M−r−1, n−1)/C(M, n), with exact integers.
    let ways = 1n; // C(n−1+j, n−1) for r = M−n−j
    const exact: bigint[] = [];
    for (let j = 0; j <= size - n; j++) {
      exact[size - n - j] = ways;
      ways = (ways * BigInt(n + j)) / BigInt(j + 1);
    }
    const total = exact.reduce((a, b) => a + b, 0n);
    for (const r of [0, 1, 5, Math.floor((size - n) / 2), size - n]) {
      if (r > size - n) continue;
      const scaled = (exact[r]! * 10n ** 330n) / total;
      const wanted =
        Number(scaled.toString().slice(0, 17)) * 10 ** (scaled.toString().slice(17).length - 330);
      if (wanted > 1e-290) expect(weights[r]! / wanted).toBeCloseTo(1, 10);
    }
  });

  it.each([0, -1, 1.5, 5, NaN])("refuses n = %d of 4", (n) => {
    expect(() => rankWeights([1, 2, 3, 4], n)).toThrow(UsageError);
    expect(() => coverageAt(4, 1, n)).toThrow(/from 1 to 4/);
  });
});

describe("expectedUnderSubsets", () => {
  it("never falls with n when the value is the score itself", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -100, max: 0, noNaN: true }), { minLength: 2, maxLength: 30 }),
        (scores) => {
          let before = -Infinity;
          for (let n = 1; n <= scores.length; n++) {
            const now = expectedUnderSubsets(scores, rankWeights(scores, n));
            expect(now).toBeGreaterThanOrEqual(before - 1e-9);
            before = now;
          }
          expect(before).toBeCloseTo(Math.max(...scores), 9);
        },
      ),
      { numRuns: 100, seed: 2 },
    );
  });
});

describe("coverageAt", () => {
  it("equals the share of subsets with a correct response", () => {
    for (let size = 1; size <= 9; size++) {
      for (let correct = 0; correct <= size; correct++) {
        for (let n = 1; n <= size; n++) {
          const subsets = subsetsOf(size, n);
          const covered = subsets.filter((subset) => subset.some((i) => i < correct)).length;
          expect(coverageAt(size, correct, n)).toBeCloseTo(covered / subsets.length, 12);
        }
      }
    }
  });

  it("is exactly 0 without a correct response, c/M for n = 1, and 1 for n = M", () => {
    expect(coverageAt(1000, 0, 500)).toBe(0);
    expect(coverageAt(1000, 7, 1)).toBeCloseTo(0.007, 15);
    expect(coverageAt(1000, 1, 1000)).toBe(1);
    expect(coverageAt(50, 50, 3)).toBeCloseTo(1, 14);
  });
});
