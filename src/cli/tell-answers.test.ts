import { expect, it } from "vitest";
import { widthOf } from "../report/columns.js";
import type { AnswerRecord } from "../sharpen/answer-record.js";
import { keepingContext } from "./context.test-helper.js";
import { tellAnswers } from "./tell-answers.js";

const answer = (prompt: string, text: string): AnswerRecord => ({
  ...{ id: prompt, prompt, text, answer: null, finish: "stop", reward: "majority" },
  ...{ score: 0, logLikelihood: -1, runnerUp: null },
});
const told = (answers: readonly AnswerRecord[]): string[] => {
  const context = keepingContext();
  tellAnswers({ answers, path: "runs/x/answers.jsonl" }, context);
  expect([context.said[0], context.said[2]]).toEqual([
    "\nAnswers, chosen by majority:",
    "Answers: runs/x/answers.jsonl",
  ]);
  return context.said[1]!.split("\n");
};

it("puts each answer beside its prompt, on one line of at most 80 columns, wide characters counted as two", () => {
  const lines = told([answer("1 + 1?", "It is\n2."), answer("二十四点".repeat(20), "答案".repeat(40))]);
  expect(lines[0]).toBe(`  1 + 1?${" ".repeat(28)}It is 2.`);
  expect(lines[1]!.endsWith("…")).toBe(true);
  expect(lines.map(widthOf).every((width) => width <= 80)).toBe(true);
});

it("shows twenty, and says how many more there are", () => {
  const lines = told(Array.from({ length: 25 }, (_, at) => answer(`${at}?`, "yes")));
  expect(lines).toHaveLength(21);
  expect(lines.at(-1)).toBe("  and 5 more");
});
