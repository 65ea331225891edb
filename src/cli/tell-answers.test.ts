import { expect, it } from "vitest";
import { widthOf } from "../report/columns.js";
import { answerLines } from "./tell-answers.js";

it("puts each answer beside its prompt, on one line of at most 80 columns, wide characters counted as two", () => {
  const lines = answerLines([
    { prompt: "1 + 1?", text: "It is\n2." },
    { prompt: "二十四点".repeat(20), text: "答案".repeat(40) },
  ]).split("\n");
  expect(lines[0]).toBe(`  1 + 1?${" ".repeat(28)}It is 2.`);
  expect(lines[1]!.endsWith("…")).toBe(true);
  expect(lines.map(widthOf).every((width) => width <= 80)).toBe(true);
});

it("shows twenty, and says how many more there are", () => {
  const many = Array.from({ length: 25 }, (_, at) => ({ prompt: `${at}?`, text: "yes" }));
  const lines = answerLines(many).split("\n");
  expect(lines).toHaveLength(21);
  expect(lines.at(-1)).toBe("  and 5 more");
});
