import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UsageError } from "../core/errors.js";
import type { Prompt } from "../policy/policy.js";
import type { Split, Task } from "../task/task.js";
import { FEWEST_TO_SPLIT, splitPrompts, type PromptSplit } from "./prompts.js";

const SPLITS = ["test", "train", "validation"] as const;

function taskOf(prompts: Readonly<Partial<Record<Split, readonly string[]>>>): Task {
  const split = (name: Split): Prompt[] =>
    (prompts[name] ?? []).map((text, i) => ({ id: `${name}-${i}`, text }));
  return {
    name: "texts",
    digest: "0",
    maxTokens: 9,
    prompts: split,
    extract: (text) => text,
    grade: () => undefined,
  };
}

const texts = (count: number, word = "text"): string[] =>
  Array.from({ length: count }, (_, i) => `${word} ${i}`);
const sizes = (split: PromptSplit): number[] => SPLITS.map((name) => split[name].length);

describe("splitPrompts", () => {
  it("divides a file without splits into 30 % to measure, 60 % to learn, 10 % to choose by", () => {
    for (const [count, expected] of [
      [10, [3, 6, 1]],
      [11, [3, 6, 2]],
      [25, [7, 15, 3]],
      [100, [30, 60, 10]],
      [1000, [300, 600, 100]],
    ] as const) {
      expect(sizes(splitPrompts(taskOf({ test: texts(count) }), { seed: 1 }))).toEqual(expected);
    }
  });

  it("measures on every prompt where nothing is to be learned, unless the file has splits", () => {
    expect(sizes(splitPrompts(taskOf({ test: texts(16) }), { seed: 1, learn: false }))).toEqual([16, 0, 0]);
    const own = taskOf({ test: texts(3), train: texts(20, "other") });
    expect(sizes(splitPrompts(own, { seed: 1, learn: false }))).toEqual([3, 18, 2]);
  });

  it("moves at most two other prompts when a file has one prompt more, wherever it stands", () => {
    for (const seed of [1, 2, 3]) {
      for (const count of [20, 21, 25, 29]) {
        const few = splitPrompts(taskOf({ test: texts(count) }), { seed });
        const more = splitPrompts(taskOf({ test: ["new", ...texts(count)] }), { seed });
        const use = (split: PromptSplit): Map<string, string> =>
          new Map(SPLITS.flatMap((name) => split[name].map(({ text }) => [text, name] as const)));
        const [before, after] = [use(few), use(more)];
        const moved = texts(count).filter((text) => before.get(text) !== after.get(text));
        expect(moved.length).toBeLessThanOrEqual(2);
      }
    }
  });

  it("only measures on fewer prompts than can be divided", () => {
    const few = texts(FEWEST_TO_SPLIT - 1);
    expect(sizes(splitPrompts(taskOf({ test: few }), { seed: 1 }))).toEqual([9, 0, 0]);
    expect(sizes(splitPrompts(taskOf({ test: [...few, ...few] }), { seed: 1 }))).toEqual([18, 0, 0]);
    expect(sizes(splitPrompts(taskOf({ test: ["t"], train: few }), { seed: 1 }))).toEqual([1, 9, 0]);
    expect(sizes(splitPrompts(taskOf({}), { seed: 1 }))).toEqual([0, 0, 0]);
  });

  it("takes the task's own splits as they are, and a tenth of the training prompts where none choose the iterate", () => {
    const own = { test: texts(4, "a"), train: texts(20, "b"), validation: texts(3, "c") };
    const task = taskOf(own);
    expect(splitPrompts(task, { seed: 1 })).toEqual({
      test: task.prompts("test"),
      train: task.prompts("train"),
      validation: task.prompts("validation"),
    });
    expect(sizes(splitPrompts(taskOf({ ...own, validation: [] }), { seed: 1 }))).toEqual([4, 18, 2]);
    // Its own validation prompts are used, also where the training prompts are taken from the test prompts.
    const { test, train, validation } = splitPrompts(taskOf({ test: texts(20), validation: texts(3, "c") }), {
      seed: 1,
    });
    expect([test.length, train.length]).toEqual([8, 12]);
    expect(validation.map(({ text }) => text)).toEqual(texts(3, "c"));
  });

  it("takes the first so many, after dividing, and refuses numbers that make no sense", () => {
    const task = taskOf({ test: texts(40) });
    const all = splitPrompts(task, { seed: 1 });
    expect(splitPrompts(task, { seed: 1, prompts: 5, trainPrompts: 7 })).toEqual({
      test: all.test.slice(0, 5),
      train: all.train.slice(0, 7),
      validation: all.validation,
    });
    expect(splitPrompts(task, { seed: 1, prompts: 1000, trainPrompts: 1000 })).toEqual(all);
    for (const wrong of [0, -1, 2.5, NaN]) {
      expect(() => splitPrompts(task, { seed: 1, prompts: wrong })).toThrow(UsageError);
      expect(() => splitPrompts(task, { seed: 1, trainPrompts: wrong })).toThrow(UsageError);
    }
  });

  it("puts no prompt and no text into two splits, loses none, keeps the order, and is a function of the seed", () => {
    const list = fc.array(fc.nat(30).map(String), { maxLength: 40 });
    fc.assert(
      fc.property(fc.record({ test: list, train: list, validation: list }), fc.nat(), (own, seed) => {
        const task = taskOf(own);
        const split = splitPrompts(task, { seed });
        expect(splitPrompts(task, { seed })).toEqual(split);
        const seen = SPLITS.map((name) => new Set(split[name].map(({ text }) => text)));
        const union = new Set(seen.flatMap((set) => [...set]));
        expect(union.size).toBe(seen.reduce((sum, { size }) => sum + size, 0));
        expect(union).toEqual(new Set(SPLITS.flatMap((name) => own[name])));
        const place = new Map(SPLITS.flatMap((name) => task.prompts(name)).map(({ id }, i) => [id, i]));
        for (const name of SPLITS) {
          const places = split[name].map(({ id }) => place.get(id)!);
          expect(places).toEqual([...places].sort((a, b) => a - b));
        }
        // Nothing that the task says is for measuring is dropped; it may be learned from only if the task has nothing else.
        const learned = [...split.train, ...split.validation].filter(({ id }) => id.startsWith("test"));
        if (own.train.some((text) => !own.test.includes(text) && !own.validation.includes(text)))
          expect(learned).toEqual([]);
        expect(split.test.length + learned.length).toBe(own.test.length);
      }),
      { numRuns: 300, seed: 1 },
    );
    const task = taskOf({ test: texts(40) });
    expect(splitPrompts(task, { seed: 1 })).not.toEqual(splitPrompts(task, { seed: 2 }));
  });
});
