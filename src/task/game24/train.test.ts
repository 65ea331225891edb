import { expect, test } from "vitest";
import { game24 } from "./game24.js";
import { isHeldOut } from "./puzzles.js";
import { game24Train } from "./train.js";
import { traces } from "./traces.js";

test("game24-train measures on 256 training puzzles, none of them held out, and learns from nothing", () => {
  const task = game24Train();
  const measured = task.prompts("test");
  expect(measured).toEqual(game24().prompts("train").slice(0, 256));
  expect([task.prompts("train"), task.prompts("validation")]).toEqual([[], []]);
  let solved = 0;
  for (const { id, text } of measured) {
    const numbers = (text.match(/\d+/g) ?? []).map(Number).slice(0, 4);
    expect(isHeldOut(numbers), text).toBe(false);
    const [trace] = traces(numbers, 24);
    if (trace !== undefined) {
      solved++;
      expect(task.grade(id, trace)).toBe(true);
    }
    expect(task.grade(id, "1 + 1 = 2")).toBe(false);
  }
  expect(solved).toBeGreaterThan(250);
  expect(() => task.grade("test-901", "")).toThrow(/no prompt "test-901"/);
  expect(task.digest).not.toBe(game24().digest);
});
