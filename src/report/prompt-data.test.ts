import { describe, expect, it } from "vitest";
import { fittingData, shortLabels } from "./prompt-data.js";
import type { PromptRow, ResponseRow } from "./report-input.js";

function response(index: number, text: string, more: Partial<ResponseRow> = {}): ResponseRow {
  return { index, text, tokens: 4, logProb: -2.1235, lengthNormalized: -0.53086, chosenBy: [], ...more };
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

describe("fittingData", () => {
  it("stores equal texts once, with how often each policy drew them and who took them", () => {
    const adapters = {
      sft: [
        { text: "b", times: 3, correct: false },
        { text: "d", times: 1, correct: true, greedy: true },
        { text: "e", times: 2 },
        { text: "f", times: 3 },
      ],
    };
    const greedy = { text: "b", logProb: -1, correct: false };
    const data = fittingData([{ ...ROW, adapters, greedy }], ["log-likelihood"]);
    expect(data).toEqual({
      policies: ["base", "SFT"],
      choosers: ["greedy", "SFT greedy", "log-likelihood", "majority"],
      labelled: true,
      prompts: [
        {
          ...{ id: "p", text: "q" },
          answers: ["1", "2"],
          texts: [
            ["a", [2], 4, -2.123, null, 0, 1, [3]],
            ["b", [1, 3], 4, -1, 3.14, 1, 0, [2, 0]],
            ["c", [1], 4, -2.123, null, -1, -1],
            ["f", [0, 3], null, null, null, -1, -1],
            ["d", [0, 1], null, null, null, -1, 1, [1]],
          ],
        },
      ],
    });
  });

  it("leaves out answers that say what their only text says", () => {
    const long = { answer: "1+2=3;3*8=24;x" };
    const responses = [response(0, "1 + 2 = 3 , 3 * 8 = 24", long), response(1, "no", { answer: "x" })];
    const [prompt] = fittingData([{ id: "p", text: "q", responses }]).prompts;
    expect(prompt!.answers).toEqual([0, "x"]);
    const shared = [response(0, "1 + 2 = 3 , 3 * 8 = 24", long), response(1, "3 * 8 = 24", long)];
    expect(fittingData([{ id: "p", text: "q", responses: shared }]).prompts[0]!.answers).toEqual([
      long.answer,
    ]);
  });

  it("cuts long texts to its budget, then what nobody took, and says so", () => {
    const rows = [0, 1].map((at) => ({
      ...ROW,
      id: `${at}`,
      responses: ROW.responses.map((r) => ({ ...r, text: `${r.index} ${"word ".repeat(900)}` })),
    }));
    expect(fittingData(rows).cut).toBeUndefined();
    const cut = fittingData(rows, [], 6000);
    expect(JSON.stringify(cut).length).toBeLessThanOrEqual(6100);
    expect(cut.cut).toBe(
      "To keep this page small, texts are cut to 500 characters. The run folder holds everything.",
    );
    expect(cut.prompts[0]!.texts[0]![0]).toMatch(/ … \[4002 more characters in the run folder\]$/);
    const less = fittingData(rows, [], 1500);
    expect(less.cut).toContain("only responses that a self-reward chose are listed");
    expect(less.prompts[0]!.texts).toHaveLength(2);
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
