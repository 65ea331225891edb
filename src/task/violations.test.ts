import { expect, it } from "vitest";
import { game24 } from "./game24/game24.js";
import type { Task } from "./task.js";
import { taskViolations } from "./violations.js";

const RESPONSES = ["4", " 4", "5", "none"];

/** What 2 + 2 is. */
const sum: Task = {
  name: "sum",
  digest: "0".repeat(64),
  maxTokens: 4,
  prompts: (split) => (split === "test" ? [{ id: "a", text: "2 + 2 =" }] : []),
  extract: (text) => /\d+/.exec(text)?.[0],
  grade: (_, text) => /\d+/.exec(text)?.[0] === "4",
};

it("finds nothing in a task that keeps its contract, with labels and without", async () => {
  expect(taskViolations(sum, RESPONSES)).toEqual([]);
  expect(taskViolations({ ...sum, grade: () => undefined }, RESPONSES)).toEqual([]);
  expect(taskViolations(game24(), ["4*6=24 (left: 24)", "no"])).toEqual([]);
});

it("names what a task breaks", () => {
  let calls = 0;
  const broken: Task = {
    ...sum,
    digest: "none",
    maxTokens: 0,
    chance: 1,
    prompts: () => [{ id: "a", text: "" }],
    extract: (text) => (text === "none" ? "" : text === "5" ? String(calls++) : "x"),
    grade: (_, text) => (text === "none" ? undefined : text === "4"),
  };
  expect(taskViolations(broken, RESPONSES)).toEqual(
    expect.arrayContaining([
      'the prompt "a" is there more than once',
      'the prompt "a" has no text',
      '"none" is not the hex of a SHA-256 digest',
      "maxTokens is 0, not a whole number of 1 or more",
      "chance is 1, not between 0 and 1",
      'the answer in "5" differs the second time',
      'the answer in "none" is an empty text; undefined says that there is none',
      'the prompt "a" grades some responses only',
      'the prompt "a" grades two responses of the answer "x" differently',
    ]),
  );
});
