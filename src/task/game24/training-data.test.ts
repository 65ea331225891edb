import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { randomStream } from "../../core/random.js";
import type { Split } from "../task.js";
import { gradeTrace } from "./grade.js";
import { isHeldOut, multisetKey, splitPuzzles } from "./puzzles.js";
import { trainingExample, trainingMultisets } from "./training-data.js";

const keys = (split: Split): number[] => splitPuzzles(split).map(({ numbers }) => multisetKey(numbers));

describe("splits", () => {
  it("are 1006 + 100 + 256 puzzles, disjoint as multisets, all 1,362 together", () => {
    expect(keys("train")).toHaveLength(1006);
    expect(keys("validation")).toHaveLength(100);
    expect(keys("test")).toHaveLength(256);
    const union = new Set([...keys("train"), ...keys("validation"), ...keys("test")]);
    expect(union.size).toBe(1362);
    const list = readFileSync(new URL("../../../data/game24/puzzles.csv", import.meta.url), "utf8");
    const listed = [...list.matchAll(/^\d+,(.*)$/gm)].map(([, numbers]) =>
      multisetKey(numbers!.split(" ").map(Number)),
    );
    expect(union).toEqual(new Set(listed));
  });

  it("test on ranks 901–1000 first", () => {
    expect(
      splitPuzzles("test")
        .slice(0, 100)
        .map(({ rank }) => rank),
    ).toEqual(Array.from({ length: 100 }, (_, i) => 901 + i));
    expect(splitPuzzles("test")[0]!.numbers).toEqual([4, 5, 6, 10]);
  });

  it("never move: the base model's training depends on them", () => {
    const digest = (split: Split): string => {
      const ranks = splitPuzzles(split).map(({ rank }) => rank);
      return createHash("sha256").update(ranks.join(",")).digest("hex").slice(0, 16);
    };
    expect([digest("test"), digest("validation"), digest("train")]).toEqual([
      "efc78352aa8e9ee5",
      "da7b16608791b3c6",
      "bf7b71d8e5e3a4ec",
    ]);
  });
});

describe("trainingExample", () => {
  it("can draw its numbers only from multisets that are not held out", () => {
    const heldOut = new Set([...keys("test"), ...keys("validation")]);
    expect(trainingMultisets()).toHaveLength(1820 - 356);
    for (const numbers of trainingMultisets()) expect(heldOut.has(multisetKey(numbers))).toBe(false);
    for (const split of ["test", "validation"] as const) {
      for (const { numbers } of splitPuzzles(split)) expect(isHeldOut([...numbers].reverse())).toBe(true);
    }
    for (const { numbers } of splitPuzzles("train")) expect(isHeldOut(numbers)).toBe(false);
  });

  it(
    "yields 50,000 right answers, none on a held-out multiset, half of them to 24, over many traces",
    { timeout: 120_000 },
    () => {
      const heldOut = new Set([...keys("test"), ...keys("validation")]);
      const stream = randomStream(3, "pretraining test");
      const seen = { multisets: new Set<number>(), targets: new Set<number>(), texts: new Set<string>() };
      let to24 = 0;
      let ascending = 0;
      let allDifferent = 0;
      for (let i = 0; i < 50_000; i++) {
        const { prompt, response } = trainingExample(stream);
        const match = /^(\d+) (\d+) (\d+) (\d+) = (\d+) :$/.exec(prompt);
        const [a, b, c, d, target] = match!.slice(1).map(Number) as [number, number, number, number, number];
        const numbers = [a, b, c, d];
        if (heldOut.has(multisetKey(numbers))) expect.fail(`held out: ${prompt}`);
        if (numbers.some((number) => number < 1 || number > 13) || target < 1 || target > 100)
          expect.fail(prompt);
        if (!gradeTrace(numbers, target, response)) expect.fail(`${prompt} ${response}`);
        if (target === 24) to24++;
        if (new Set(numbers).size === 4) allDifferent++;
        if (a < b && b < c && c < d) ascending++;
        seen.multisets.add(multisetKey(numbers));
        seen.targets.add(target);
        seen.texts.add(`${prompt}${response}`);
      }
      expect(seen.multisets.size).toBe(1464);
      expect(seen.targets.size).toBe(100);
      expect(seen.texts.size).toBeGreaterThan(45_000);
      // A half, and about 2 % of the other half whose random trace happens to end in 24.
      expect(to24 / 50_000).toBeGreaterThan(0.5);
      expect(to24 / 50_000).toBeLessThan(0.53);
      // One order in 24 is ascending, within four standard deviations.
      const share = 1 / 24;
      const deviation = Math.sqrt((share * (1 - share)) / allDifferent);
      expect(Math.abs(ascending / allDifferent - share)).toBeLessThan(4 * deviation);
    },
  );

  it("is a function of the stream, and never changes: the base model was trained on these", () => {
    const stream = randomStream(1, "pinned");
    const hash = createHash("sha256");
    for (let i = 0; i < 1000; i++) {
      const { prompt, response } = trainingExample(stream);
      hash.update(`${prompt}${response}\n`);
    }
    expect(hash.digest("hex").slice(0, 16)).toBe("fc46f2bea2af2957");
  });
});
