import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lastBoxed } from "../../src/task/answers/boxed.js";
import { choiceAnswer } from "../../src/task/answers/choice.js";
import { exactAnswer } from "../../src/task/answers/exact.js";
import { numberInWords } from "../../src/task/answers/number-words.js";
import { labelValue, numericAnswer } from "../../src/task/answers/numeric.js";
import { ownPart } from "../../src/task/answers/own-part.js";
import { plainCharacters } from "../../src/task/answers/characters.js";
import { patternExtractor } from "../../src/task/answers/pattern.js";
import { shortLabel } from "../../src/task/answers/short-label.js";
import { withoutThinking } from "../../src/task/answers/thinking.js";
import { truthAnswer } from "../../src/task/answers/truth.js";

const MEGABYTE = 1 << 20;
const EXTRACTORS = {
  lastBoxed,
  choiceAnswer,
  exactAnswer,
  labelValue,
  numberInWords,
  numericAnswer,
  ownPart,
  patternExtractor: patternExtractor("(a|1|,)*answer: (.+)$"),
  plainCharacters,
  shortLabel,
  truthAnswer,
  withoutThinking,
};

/** What backtracking patterns choke on: repeated openings, long runs of what two parts of a pattern both take. */
const PIECES = [
  ...[
    "a",
    "A",
    "0",
    "1",
    "9",
    " ",
    "\n",
    "\t",
    "-",
    "$",
    ".",
    ",",
    "/",
    "(",
    ")",
    "{",
    "}",
    "\\",
    "*",
    "=",
    ":",
  ],
  ...[
    "1,",
    "1,111",
    "1e",
    "1/",
    ".1",
    "0.0",
    "\\boxed{",
    "\\boxed ",
    "\\text{",
    "####",
    "Question",
    "\nQuestion",
  ],
  ...[
    "answer",
    "answer is ",
    "Answer: ",
    "answer is the ",
    "option is ",
    "choice ",
    "(A",
    "A)\n",
    "(A)",
    "not ",
    "n't ",
  ],
  ...[
    "true",
    "true or ",
    "whether ",
    "statement is ",
    "un",
    "one ",
    "hundred ",
    "\\,",
    "{,}",
    "\u2212",
    "\u00A0",
    "é",
    "½",
    "⁻⁵",
    "１",
    "٣",
    "答案",
    "<think>",
    "</think>",
    "<answer>",
    '{"answer": "',
    "\\frac",
    "\\frac{1}{2}",
    "\\sqrt{",
    " 1/2",
    " 111",
    " million",
    " × 10^",
    "$$",
    "\\(",
    "\\[",
    "**",
    "*a",
    "is ",
    " or ",
    "≈",
    "negative ",
  ],
];

describe("extractors", () => {
  it.each(Object.entries(EXTRACTORS))("%s takes a moment for 1 MB of anything", (_, extract) => {
    // The most CPU time of one text; 2 cores that others use too, so far from what a linear pass takes (under a second), and
    // farther from what a quadratic one would.
    const slowest = (text: string): void => {
      const before = process.cpuUsage();
      extract(text);
      expect(process.cpuUsage(before).user / 1000, JSON.stringify(text.slice(0, 60))).toBeLessThan(8000);
    };
    const filled = (start: string, piece: string, end: string): string =>
      start + piece.repeat(Math.ceil(MEGABYTE / piece.length)) + end;
    const piece = fc
      .array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 3 })
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(piece, piece, piece, (start, fill, end) => slowest(filled(start, fill, end))),
      {
        seed: 5,
        numRuns: 5,
      },
    );
  });

  it.each([
    ["nested boxes", numericAnswer, "\\boxed{".repeat(100_000) + "1" + "}".repeat(100_000), "1"],
    ["marks without an answer", choiceAnswer, "option is ".repeat(100_000), undefined],
    ["spaces after a word", choiceAnswer, `option${" ".repeat(MEGABYTE)}!`, undefined],
    ["zeros inside a number", numericAnswer, `0.${"0".repeat(MEGABYTE)}1`, `0.${"0".repeat(MEGABYTE)}1`],
    ["a million digits", numericAnswer, "7".repeat(MEGABYTE), "7".repeat(MEGABYTE)],
    ["spaces before a verdict", truthAnswer, `not${" ".repeat(MEGABYTE)}true`, "True"],
    ["line breaks", numericAnswer, `${"\n".repeat(MEGABYTE)}1`, "1"],
    ["closing remarks alone", numericAnswer, "\nthank".repeat(150_000), undefined],
    ["sentences without a number", numericAnswer, "so a. ".repeat(150_000), undefined],
    ["a long line", exactAnswer, `a${" ".repeat(MEGABYTE)}b`, "a b"],
    ["no line break", exactAnswer, `${"a".repeat(MEGABYTE)}\nb`, "b"],
  ] as const)("of %s", (_, extract, text, answer) => {
    const before = process.cpuUsage();
    expect(extract(text) === answer).toBe(true);
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(8000);
  });
});
