import { describe, expect, it } from "vitest";
import { game24Fresh } from "./fresh.js";
import { game24 } from "./game24.js";
import { isHeldOut } from "./puzzles.js";
import { traces } from "./traces.js";

describe("game24-fresh", () => {
  const task = game24Fresh();
  const train = task.prompts("train");
  const parts = (text: string): number[] => (text.match(/\d+/g) ?? []).map(Number);

  it("measures and judges on game24's own puzzles", () => {
    for (const split of ["test", "validation"] as const)
      expect(task.prompts(split)).toEqual(game24().prompts(split));
    const [test] = game24().prompts("test");
    expect(task.grade(test!.id, traces(parts(test!.text).slice(0, 4), 24)[0]!)).toBe(true);
    expect(task.digest).not.toBe(game24().digest);
  });

  it("has 12,000 different prompts, none of them held out, none with the target 24", () => {
    expect(train).toHaveLength(12_000);
    expect(new Set(train.map(({ text }) => text)).size).toBe(12_000);
    expect(new Set(train.map(({ id }) => id)).size).toBe(12_000);
    const wrong = train.filter(({ id, text }) => {
      const [a, b, c, d, target] = parts(text) as [number, number, number, number, number];
      const allowed = !isHeldOut([a, b, c, d]) && target !== 24 && target >= 1 && target <= 100;
      return !allowed || id !== `fresh-${[a, b, c, d, target].join("-")}`;
    });
    expect(wrong).toEqual([]);
  });

  it("asks only for what can be reached, and grades by each prompt's own target", () => {
    for (const { id, text } of train.slice(0, 200)) {
      const [a, b, c, d, target] = parts(text);
      const solutions = traces([a!, b!, c!, d!], target!);
      expect(solutions.length, text).toBeGreaterThan(0);
      expect(task.grade(id, solutions[0]!)).toBe(true);
      expect(task.grade(id, "13 - 9 = 4 , 10 - 4 = 6 , 4 * 6 = 24")).toBe(false);
    }
    expect(() => task.grade("fresh-1-2-3", "")).toThrow(/no prompt/);
  });

  it("is the same at every call", () => {
    expect(game24Fresh().prompts("train")).toEqual(train);
    expect(train.slice(0, 3).map(({ text }) => text)).toEqual([
      "4 13 12 3 = 79 :",
      "2 5 5 5 = 10 :",
      "12 3 1 8 = 22 :",
    ]);
  });
});
