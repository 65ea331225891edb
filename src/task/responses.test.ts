import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { graderNamed, isGraderName } from "./graders.js";
import { taskEntry } from "./registry.js";

/** A response of a real model, drawn by scripts/collect-responses.mjs and labelled by hand. */
interface Labelled {
  readonly model: string;
  /** Of those that were drawn later; the reader was measured on these before it was mended by them (docs/log.md). */
  readonly set?: "unseen" | "last";
  /** A grader's name, or a task's. */
  readonly grader: string;
  readonly finish: "stop" | "length";
  /** The data set's own answer. */
  readonly truth?: string;
  /** The final answer that a person reads off, or null where there is none. */
  readonly label: string | null;
  readonly text: string;
}

const responses = readFileSync(join(import.meta.dirname, "testdata", "responses.jsonl"), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line) as Labelled);

/** What the reader finds, and what a text means to it, both canonical. */
function readerOf(grader: string): {
  readonly read: (text: string) => string | undefined;
  readonly meant: (answer: string) => string | undefined;
} {
  if (isGraderName(grader)) {
    const { extract, label } = graderNamed(grader);
    return { read: extract, meant: (answer) => label(answer)?.text };
  }
  const { extract } = taskEntry(grader)!;
  if (grader === "game24") return { read: extract, meant: extract };
  const numeric = graderNamed("numeric");
  const isNumber = grader === "gsm8k" || grader === "math";
  return { read: extract, meant: (answer) => (isNumber ? numeric.label(answer)?.text : answer) };
}

const judged = responses.map((response) => {
  const { read, meant } = readerOf(response.grader);
  const of = (answer: string | null | undefined): string | undefined =>
    answer === null || answer === undefined ? undefined : meant(answer);
  return { ...response, found: read(response.text), person: of(response.label), right: of(response.truth) };
});

it("reads off what a person reads off a response that ended by itself", () => {
  const ended = judged.filter(({ finish }) => finish === "stop");
  expect(ended.length).toBeGreaterThan(220);
  const same = ended.filter(({ found, person }) => found === person);
  expect(same.length / ended.length).toBeGreaterThanOrEqual(0.95);
  // Where a person reads an answer, the reader never finds none.
  expect(ended.filter(({ found, person }) => found === undefined && person !== undefined)).toEqual([]);
});

it("seldom takes for right what a person would not", () => {
  const wrongly = judged.filter(
    ({ found, person, right }) => right !== undefined && found === right && person !== right,
  );
  expect(wrongly.length / judged.length).toBeLessThanOrEqual(0.01);
});
