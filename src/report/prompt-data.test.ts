import { describe, expect, it } from "vitest";
import { browserData, rewardNames, shortLabels, shownText, summarize } from "./prompt-data.js";
import type { PromptRow, ResponseRow } from "./report-input.js";

const ALL = { text: Infinity, unchosen: true, prompts: Infinity };

function response(index: number, text: string, more: Partial<ResponseRow> = {}): ResponseRow {
  return { index, text, tokens: 4, logProb: -2.12345, lengthNormalized: -0.53086, chosenBy: [], ...more };
}

const ROW: PromptRow = {
  id: "p",
  text: "q",
  responses: [
    response(0, "a", { answer: "1", correct: true, chosenBy: ["majority"] }),
    response(1, "a", { answer: "1", correct: true }),
    response(2, "b", {
      answer: "2",
      correct: false,
      selfCertainty: 3.14159,
      logProb: -1,
      chosenBy: ["log-likelihood"],
    }),
    response(3, "c"),
  ],
};

describe("browserData", () => {
  it("stores equal texts and answers once, and every score", () => {
    const rewards = rewardNames([ROW], ["log-likelihood"]);
    expect(rewards).toEqual(["log-likelihood", "majority"]);
    expect(browserData([ROW], rewards, ALL)).toEqual({
      rewards,
      labelled: true,
      prompts: [
        {
          texts: ["a", "b", "c"],
          answers: ["1", "2"],
          responses: [
            [0, 0, 4, -2.123, -0.5309, null, 0, 1, [1]],
            [1, 0, 4, -2.123, -0.5309, null, 0, 1, 0],
            [2, 1, 4, -1, -0.5309, 3.1416, 1, 0, [0]],
            [3, 2, 4, -2.123, -0.5309, null, -1, -1, 0],
          ],
        },
      ],
    });
  });

  it("cuts what the limits say, and says so in the text", () => {
    const data = browserData([ROW, ROW], ["majority"], { text: 5, unchosen: false, prompts: 1 });
    expect(data.prompts.map((p) => p.responses.map((r) => r[0]))).toEqual([[0, 2]]);
    expect(shownText("123456789", { ...ALL, text: 5 })).toBe("12345 … [4 more characters in the run folder]");
    expect(shownText("12345", { ...ALL, text: 5 })).toBe("12345");
  });
});

describe("summarize", () => {
  it("counts correct responses, answers and choices", () => {
    expect(summarize(ROW)).toEqual({
      correct: 2,
      labelled: true,
      answers: 3,
      chosenAnswers: 2,
      bestLogProb: -1,
    });
  });
});

describe("shortLabels", () => {
  const rows = (texts: string[]): PromptRow[] =>
    texts.map((text, i) => ({ id: String(i), text, responses: [] }));

  it("leaves out a shared template, at word bounds", () => {
    const labels = shortLabels(
      rows([
        "You are a careful helper. Question: one plus one? Answer step by step, please.",
        "You are a careful helper. Question: one plus two? Answer step by step, please.",
      ]),
    );
    expect(labels).toEqual(["… one", "… two"]);
  });

  it("keeps short prompts whole and cuts long ones", () => {
    expect(shortLabels(rows(["1 2 3 4 = 24 :", "1 2 3 5 = 24 :"]))).toEqual([
      "1 2 3 4 = 24 :",
      "1 2 3 5 = 24 :",
    ]);
    expect(shortLabels(rows(["x".repeat(200)]))[0]).toBe("x".repeat(140) + " …");
  });
});
