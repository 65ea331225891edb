import { describe, expect, it } from "vitest";
import { choiceAnswer } from "./choice.js";
import { labelValue } from "./numeric.js";
import { patternExtractor } from "./pattern.js";
import { foldedLabel, isShortLabel, shortLabel } from "./short-label.js";
import { withoutThinking } from "./thinking.js";

describe("labelValue", () => {
  it.each([
    ["18", "18"],
    ["007", "7"],
    ["-0", "0"],
    ["$1,234.50", "2469/2"],
    ["25 cm^2", "25"],
    ["10 m/s²", "10"],
    ["9.8 kg·m/s^2", "49/5"],
    ["5 eggs per day", "5"],
    ["90^\\circ", "90"],
    ["12 (see eq. 7)", "12"],
    ["3 \\text{ cm}", "3"],
    ["18 dollars.", "18"],
    ["25%", "1/4"],
    ["five", "5"],
    ["negative five", "-5"],
    ["two and a half", "5/2"],
    ["1e21", "1000000000000000000000"],
    ["18446744073709551616", "18446744073709551616"],
    ["0.1 + 0.2", "0.1+0.2"],
    ["12:30", "12:30"],
    ["[0, 1)", "[0,1)"],
    ["\\left( -\\infty, 2 \\right]", "(-inf,2]"],
    ["y = 2x + 1", "2x+1"],
    ["x^2 - 1", "x^2-1"],
    ["6 * 3 = 18\n#### 18", "18"],
    ["The answer is 18.", "18"],
    // Not one value: prose, several numbers, nothing.
    ["none of these", undefined],
    ["5 apples and 3 oranges for 2 people", undefined],
    ["between 5 and 10", undefined],
    ["about five or six", undefined],
    ["", undefined],
    ["?", undefined],
    ["A", undefined],
    ["N/A", undefined],
    ["See page 5", undefined],
  ])("of %j is %j", (label, text) => expect(labelValue(label)?.text).toBe(text));

  it("keeps units and the figure of a percentage apart", () => {
    expect(labelValue("25 cm^2")).toEqual({ kind: "number", text: "25", unit: "cm^2" });
    expect(labelValue("25 %")).toEqual({ kind: "number", text: "1/4", figure: "25" });
  });
});

describe("choiceAnswer in other words", () => {
  it.each([
    ["I'd go with C.", "C"],
    ["I think it's (d).", "D"],
    ["B is the correct answer.", "B"],
    ["La réponse est B.", "B"],
    ["Die richtige Antwort ist C", "C"],
    ["La respuesta correcta es: D", "D"],
    ["Правильный ответ: B", "B"],
    ["故选：C", "C"],
    ["答案是Ｂ。", "B"],
    ["정답: D", "D"],
    ["答えはAです", "A"],
    ['{"reasoning": "A is wrong", "answer": "B"}', "B"],
    ["<think>The answer is A.</think>The answer is B.", "B"],
    ["<think>The answer is A", undefined],
    ["**Answer:** (B) mitochondrion\n\n**Why not A:** no", "B"],
    ["### Final answer\nB", "B"],
    ["\\boxed{\\text{(B)}}", "B"],
    ["The answer isn't A. I choose B.", "B"],
  ])("of %j is %j", (text, letter) => expect(choiceAnswer(text)).toBe(letter));
});

describe("shortLabel", () => {
  it.each([
    ["Positive", "positive"],
    ["  “Positive.” ", "positive"],
    ["**POSITIVE**", "positive"],
    ["The sentiment is positive.", "positive"],
    ["The capital of France is Paris.", "paris"],
    ["It reads well.\n\nAnswer: Not enough information", "not enough information"],
    ["<answer>New York</answer> is in the east", "new york"],
    ['{"label": 1, "answer": "spam"}', "spam"],
    ["\\boxed{\\text{Tuesday}}", "tuesday"],
    ["Yes, because it rains.", "yes"],
    ["No.", "no"],
    ["The answer is yes, since it rains", "yes"],
    ["Die Antwort ist Berlin.", "berlin"],
    ["<think>negative?</think>positive", "positive"],
    ["Cafe\u0301", "caf\u00E9"],
    ["", undefined],
    ["...", undefined],
    ["True. Alex is not shy.", "true"],
    ["**No**, since every wumpus is small. It is red.", "no"],
    ["True stories are long. The city is Paris.", "paris"],
  ])("of %j is %j", (text, label) => expect(shortLabel(text)).toBe(label));

  it("folds labels and tells short ones", () => {
    expect(foldedLabel(' "New York." ')).toBe("new york");
    expect(foldedLabel("--")).toBeUndefined();
    expect(
      ["Paris", "not enough information", "it is a long story, and more", "a\nb"].map(isShortLabel),
    ).toEqual([true, true, false, false]);
  });
});

describe("patternExtractor", () => {
  it("finds the last match's first group", () => {
    const extract = patternExtractor("^Verdict: (\\w+)");
    expect(extract("Verdict: guilty\nVerdict:  no\nVerdict: innocent")).toBe("innocent");
    expect(extract("none")).toBeUndefined();
    expect(patternExtractor("[A-Z]{2}-\\d+")("see AB-12 and\nCD-34")).toBe("CD-34");
  });

  it("is linear where a backtracking engine would never end", () => {
    expect(patternExtractor("(a+)+$")(`${"a".repeat(200_000)}!`)).toBeUndefined();
  });

  it.each(["", "(", "(?=a)b", "(a)\\1", "a".repeat(1001)])("refuses %j", (pattern) => {
    expect(() => patternExtractor(pattern)).toThrow(/pattern/i);
  });
});

describe("withoutThinking", () => {
  it.each([
    ["<think>a</think>b", "b"],
    ["a<think>b</think>c<think>d</think>e", "ace"],
    ["a</think>b", "b"],
    ["a<think>b", "a"],
    ["<think>a<think>b</think>c", "c"],
    ["<THINK>a</THINK>b", "b"],
    ["[THINK]a[/THINK]b", "b"],
    ["<|channel|>analysis<|message|>a<|channel|>final<|message|>b", "b"],
    ["I think so", "I think so"],
  ])("of %j is %j", (text, rest) => expect(withoutThinking(text)).toBe(rest));
});
