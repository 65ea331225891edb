import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomStream } from "../core/random.js";
import { majorityClassProbabilities } from "./majority-probabilities.js";

/** The same law by enumerating how many of each class are in the subset: Π C(size, count) / C(M, n). */
function byEnumeration(
  sizes: readonly number[],
  unanswered: number,
  n: number,
): { classes: number[]; none: number } {
  const choose = (a: number, b: number): number => (b === 0 ? 1 : (choose(a - 1, b - 1) * a) / b);
  const classes = sizes.map(() => 0);
  let none = 0;
  const visit = (counts: readonly number[], ways: number, left: number): void => {
    if (counts.length < sizes.length) {
      const size = sizes[counts.length]!;
      for (let k = 0; k <= Math.min(size, left); k++) visit([...counts, k], ways * choose(size, k), left - k);
    } else if (left <= unanswered) {
      const weight = ways * choose(unanswered, left);
      const most = Math.max(0, ...counts);
      if (most === 0) none += weight;
      else {
        const winners = counts.filter((count) => count === most).length;
        counts.forEach((count, i) => {
          if (count === most) classes[i]! += weight / winners;
        });
      }
    }
  };
  visit([], 1, n);
  const all = choose(
    sizes.reduce((a, b) => a + b, unanswered),
    n,
  );
  return { classes: classes.map((weight) => weight / all), none: none / all };
}

describe("majorityClassProbabilities", () => {
  it("equals enumeration of all counts", () => {
    const pools = fc
      .record({
        sizes: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 6 }),
        unanswered: fc.integer({ min: 0, max: 6 }),
        position: fc.double({ min: 0, max: 1, noNaN: true }),
      })
      .filter(({ sizes, unanswered }) => sizes.length + unanswered > 0);
    fc.assert(
      fc.property(pools, ({ sizes, unanswered, position }) => {
        const total = sizes.reduce((a, b) => a + b, unanswered);
        const n = 1 + Math.floor(position * (total - 1));
        const given = majorityClassProbabilities(sizes, unanswered, n);
        const wanted = byEnumeration(sizes, unanswered, n);
        expect(given.none).toBeCloseTo(wanted.none, 12);
        expect(given.classes).toHaveLength(sizes.length);
        given.classes.forEach((value, i) => {
          expect(value).toBeCloseTo(wanted.classes[i]!, 12);
        });
      }),
      { numRuns: 300, seed: 2 },
    );
  });

  it("keeps its precision for large pools and subsets nearly as large", () => {
    for (const [sizes, unanswered] of [
      [[150, 80, 10], 60],
      [Array.from({ length: 12 }, (_, i) => 3 * i + 1), 300],
    ] as const) {
      const total = sizes.reduce((a, b) => a + b, unanswered);
      for (const n of [1, 2, 200, total - 2, total - 1, total]) {
        const { classes, none } = majorityClassProbabilities(sizes, unanswered, n);
        expect(classes.reduce((a, b) => a + b, none)).toBeCloseTo(1, 10);
      }
    }
    // Leaving one of 100 out: the two classes of 40 win unless it is theirs.
    const { classes } = majorityClassProbabilities([40, 40, 20], 0, 99);
    expect(classes[0]).toBeCloseTo(0.4 + 0.2 / 2, 12);
    expect(classes[2]).toBeCloseTo(0, 12);
  });

  it("sums to 1 for any classes of 50 responses", () => {
    const stream = randomStream(3, "sizes");
    const pools = [
      Array.from({ length: 50 }, () => 1),
      [1, 2, 3, 4, 5, 6, 7, 8, 9],
      [25, 25],
      Array.from({ length: 25 }, () => 2),
    ];
    for (let i = 0; i < 20; i++) {
      const sizes: number[] = [];
      for (let left = 50; left > 0; left -= sizes.at(-1)!)
        sizes.push(1 + stream.integer(Math.min(left, 1 + i)));
      pools.push(sizes);
    }
    for (const sizes of pools) {
      const unanswered = 50 - sizes.reduce((a, b) => a + b, 0);
      for (const n of [2, 10, 25, 40, 49]) {
        const { classes, none } = majorityClassProbabilities(sizes, unanswered, n);
        expect(classes.reduce((a, b) => a + b, none)).toBeCloseTo(1, 12);
      }
    }
  });
});
