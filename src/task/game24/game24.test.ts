import { describe, expect, it } from "vitest";
import { UsageError } from "../../core/errors.js";
import type { Task } from "../task.js";
import { game24 } from "./game24.js";
import { multisetKey, splitPuzzles } from "./puzzles.js";
import { traces } from "./traces.js";

const numbersOf = (text: string): number[] => text.split(" = ")[0]!.split(" ").map(Number);

describe("game24", () => {
  const task = game24();

  it("asks for the held-out puzzles as the list has them", () => {
    const prompts = task.prompts("test");
    expect(prompts).toHaveLength(256);
    expect(prompts[0]).toEqual({ id: "test-901", text: "4 5 6 10 = 24 :" });
    expect(prompts.map(({ text }) => multisetKey(numbersOf(text)))).toEqual(
      splitPuzzles("test").map(({ numbers }) => multisetKey(numbers)),
    );
    expect(task.prompts("validation")).toHaveLength(100);
    expect(task.prompts("train")).toHaveLength(1006);
    expect(task.prompts("train")[0]!.id).toBe("train-1051-o0");
  });

  it("has room for three steps and the end token, and for no more", () => {
    const response = "13 - 9 = 4 , 10 - 4 = 6 , 4 * 6 = 24";
    expect(task.maxTokens).toBe(response.split(" ").length + 1);
  });

  it("grades by the prompt's puzzle, in every order of its numbers", () => {
    const several = game24({ orders: 3 });
    for (const split of ["train", "validation", "test"] as const) {
      for (const { id, text } of several.prompts(split).slice(0, 200)) {
        const [solution] = traces(numbersOf(text), 24);
        if (solution !== undefined)
          expect(several.grade(id, solution), `${id} ${text} ${solution}`).toBe(true);
        expect(several.grade(id, "13 - 9 = 4")).toBe(false);
      }
    }
    expect(() => task.grade("test-0", "")).toThrow(/game24 has no prompt "test-0"/);
    expect(task.extract("13 - 9 = 4 , 10 - 4 = 6 , 4 * 6 = 24")).toBe("10-4=6;13-9=4;4*6=24");
  });

  it("adds orders of the training puzzles after the earlier prompts, all different", () => {
    const four = game24({ orders: 4 }).prompts("train");
    const two = game24({ orders: 2 }).prompts("train");
    expect(four.slice(0, 1006)).toEqual(task.prompts("train"));
    expect(four.slice(0, two.length)).toEqual(two);
    expect(new Set(four.map(({ id }) => id)).size).toBe(four.length);
    expect(new Set(four.map(({ text }) => text)).size).toBe(four.length);
    const trained = new Set(splitPuzzles("train").map(({ numbers }) => multisetKey(numbers)));
    for (const { text } of four) expect(trained.has(multisetKey(numbersOf(text)))).toBe(true);
    // Only four equal numbers have fewer than four orders.
    const single = splitPuzzles("train").filter(({ numbers }) => new Set(numbers).size === 1).length;
    expect(four).toHaveLength(4 * 1006 - 3 * single);
    // With all orders there is one prompt for each different permutation.
    const orders = (numbers: readonly number[]): number => {
      const repeats = numbers.map(
        (number, at) => numbers.slice(0, at + 1).filter((other) => other === number).length,
      );
      return repeats.reduce((count, repeat) => count / repeat, 24);
    };
    const all = splitPuzzles("train").reduce((sum, { numbers }) => sum + orders(numbers), 0);
    expect(game24({ orders: 24 }).prompts("train")).toHaveLength(all);
    expect(game24({ orders: 4 }).prompts("test")).toEqual(task.prompts("test"));
  });

  it("has a digest that tells different prompts apart", () => {
    const digest = (task: Task): string => task.digest;
    expect(digest(game24())).toBe(digest(task));
    expect(digest(game24({ orders: 1 }))).toBe(digest(task));
    expect(digest(game24({ orders: 2 }))).not.toBe(digest(task));
    expect(task.digest).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each([0, -1, 25, 1.5, NaN])("refuses %d orders", (orders) => {
    expect(() => game24({ orders })).toThrow(UsageError);
  });
});
