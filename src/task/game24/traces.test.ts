import { describe, expect, it } from "vitest";
import { randomStream } from "../../core/random.js";
import type { Split } from "../task.js";
import { gradeTrace } from "./grade.js";
import { splitPuzzles } from "./puzzles.js";
import { randomTrace, solvable, traces } from "./traces.js";

/** All valid traces, found the slow way: over every assignment of original numbers, as texts in a set. */
function bruteForce(numbers: readonly number[], target: number): Set<string> {
  const result = new Set<string>();
  const visit = (left: readonly number[], steps: readonly string[]): void => {
    if (left.length === 1) {
      if (left[0] === target) result.add(steps.join(" , "));
      return;
    }
    left.forEach((a, i) => {
      left.forEach((b, j) => {
        if (i === j) return;
        const others = left.filter((_, k) => k !== i && k !== j);
        for (const [op, c] of [
          ["+", a + b],
          ["-", a - b],
          ["*", a * b],
          ["/", a / b],
        ] as const) {
          if (Number.isInteger(c) && c >= 0 && c <= 200)
            visit([...others, c], [...steps, `${a} ${op} ${b} = ${c}`]);
        }
      });
    });
  };
  visit(numbers, []);
  return result;
}

/** By rank. */
const puzzles = (["train", "validation", "test"] as const)
  .flatMap(splitPuzzles)
  .sort((a, b) => a.rank - b.rank);

describe("traces", () => {
  it("are exactly those that brute force over texts finds, each once", () => {
    const stream = randomStream(1, "traces test");
    for (let round = 0; round < 60; round++) {
      const numbers = Array.from({ length: 4 }, () =>
        round < 20 ? stream.integer(4) : 1 + stream.integer(13),
      );
      const target = round % 2 === 0 ? 24 : stream.integer(101);
      const found = traces(numbers, target);
      expect(new Set(found).size).toBe(found.length);
      expect(new Set(found)).toEqual(bruteForce(numbers, target));
      expect(solvable(numbers, target)).toBe(found.length > 0);
    }
  });

  it("all grade as correct, for every puzzle", () => {
    let total = 0;
    for (const { numbers } of puzzles) {
      for (const text of traces(numbers, 24)) {
        if (!gradeTrace(numbers, 24, text)) expect.fail(`${numbers.join(" ")}: ${text}`);
        total++;
      }
    }
    expect(total).toBe(46_165);
  });

  it("solve all puzzles but the sixteen that need a fraction, a negative or a large number on the way", () => {
    const unsolvable = puzzles.filter(({ numbers }) => !solvable(numbers, 24));
    expect(unsolvable.map(({ rank }) => rank)).toEqual([
      1299, 1304, 1312, 1313, 1326, 1338, 1343, 1344, 1349, 1350, 1351, 1356, 1359, 1360, 1361, 1362,
    ]);
    const inSplit = (split: Split): number =>
      splitPuzzles(split).filter((puzzle) => unsolvable.includes(puzzle)).length;
    expect([inSplit("test"), inSplit("validation"), inSplit("train")]).toEqual([2, 2, 12]);
  });

  it("include the golden one, in whatever order the numbers come", () => {
    const golden = "13 - 9 = 4 , 10 - 4 = 6 , 4 * 6 = 24";
    expect(traces([4, 9, 10, 13], 24)).toContain(golden);
    expect(traces([13, 10, 4, 9], 24)).toEqual(traces([4, 9, 10, 13], 24));
  });

  it("are drawn uniformly", () => {
    const all = traces([2, 3, 4, 6], 24);
    const counts = new Map(all.map((text) => [text, 0]));
    const stream = randomStream(7, "uniformity");
    const draws = all.length * 200;
    for (let i = 0; i < draws; i++) {
      const { text, target } = randomTrace(stream, [6, 2, 4, 3], 24)!;
      expect(target).toBe(24);
      counts.set(text, counts.get(text)! + 1);
    }
    expect(counts.size).toBe(all.length);
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 200) ** 2 / 200, 0);
    // Mean k - 1, standard deviation sqrt(2(k - 1)) for k equally likely traces.
    const freedom = all.length - 1;
    expect(Math.abs(chiSquare - freedom)).toBeLessThan(4 * Math.sqrt(2 * freedom));
  });

  it("do not exist where no trace ends in the target", () => {
    expect(randomTrace(randomStream(1, "none"), [1, 1, 1, 1], 24)).toBeUndefined();
    expect(randomTrace(randomStream(1, "none"), [1, 1, 1, 1], 5, 200)).toBeUndefined();
    expect(randomTrace(randomStream(1, "none"), [1, 1, 1, 1], -5, -1)).toBeUndefined();
    expect(solvable([1, 1, 1, 1], 4)).toBe(true);
    expect(solvable([1, 1, 1, 1], 300)).toBe(false);
  });
});
