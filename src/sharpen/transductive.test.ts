import { expect, it } from "vitest";
import { splitPrompts } from "./prompts.js";
import { game24 } from "../task/game24/game24.js";
import { findTask, taskEntry } from "../task/registry.js";
import { transductive } from "../task/transductive.js";

it("learns from the prompts that are measured, under other ids, and grades both alike", async () => {
  const plain = game24();
  const task = transductive(plain);
  const { test, train, validation } = splitPrompts(task, { prompts: 5, seed: 0 });
  expect(train.map(({ text }) => text)).toEqual(test.map(({ text }) => text));
  expect(train.map(({ id }) => id)).toEqual(test.map(({ id }) => `again-${id}`));
  expect(validation).toEqual(plain.prompts("validation"));
  const right = "4 + 4 = 8 , 8 + 8 = 16 , 16 + 8 = 24";
  const { id } = test[0]!;
  for (const text of [right, "no"]) expect(task.grade(`again-${id}`, text)).toBe(plain.grade(id, text));
  expect(task.digest).not.toBe(plain.digest);
  expect((await findTask("game24-transductive")).digest).toBe(task.digest);
});

it("leaves every other task's training apart from what is measured", () => {
  const { test, train } = splitPrompts(game24(), { seed: 0 });
  const texts = new Set(test.map(({ text }) => text));
  expect(train.some(({ text }) => texts.has(text))).toBe(false);
  expect(taskEntry("unknown-transductive")).toBeUndefined();
});
