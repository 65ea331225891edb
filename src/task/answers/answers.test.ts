import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lastBoxed } from "./boxed.js";
import { choiceAnswer } from "./choice.js";
import { exactAnswer } from "./exact.js";
import { numericAnswer } from "./numeric.js";

describe("exactAnswer", () => {
  it.each([
    ["True", "True"],
    ["  a  b\t c \n", "a b c"],
    ["first I think\n\nthen: True\r\n  \n", "then: True"],
    ["4 - 1 = 3", "4 - 1 = 3"],
    ["TRUE.", "TRUE."],
    ["a\u00A0b", "a b"],
    ["1,000", "1,000"],
    ["one\rtwo", "two"],
    ["\\boxed{4}", "\\boxed{4}"],
    ["", undefined],
    [" \n\t", undefined],
  ])("of %j is %j", (text, answer) => expect(exactAnswer(text)).toBe(answer));
});

describe("lastBoxed", () => {
  it.each([
    [String.raw`\boxed{1} then \boxed{\frac{1}{2}}`, String.raw`\frac{1}{2}`],
    [String.raw`\boxed{\{1, 2\}}`, String.raw`\{1, 2\}`],
    [String.raw`\fbox {7}`, "7"],
    [String.raw`\boxed{1} and \boxed{2`, "1"],
    [String.raw`\boxed{a \boxed{2}`, "2"],
    [String.raw`\boxed{\boxed{3}}`, "3"],
    [String.raw`{ an open brace, then \boxed{4}`, "4"],
    [String.raw`} and \boxed{5}`, "5"],
    [String.raw`\boxed{\text{a \} b}}`, String.raw`\text{a \} b}`],
    [String.raw`\boxed 6 and \boxedx{7}`, undefined],
    ["no box", undefined],
  ])("of %j is %j", (text, content) => expect(lastBoxed(text)).toBe(content));
});

describe("numericAnswer", () => {
  it.each([
    ["18", "18"],
    ["She makes 9 * 2 = 18 dollars.", "18"],
    ["so 3 and then 4.", "4"],
    ["#### 18", "18"],
    ["6 * 3 = <<6*3=18>>18\n#### 18\nQuestion: 7 apples", "18"],
    ["It costs $1,234.50.", "1234.5"],
    ["It costs \\$1,234,567", "1234567"],
    ["a loss of -$5", "-5"],
    ["a loss of $-5.00", "-5"],
    ["x = -3", "-3"],
    ["x = \u22123.0", "-3"],
    ["10 - 3", "3"],
    ["10-3", "3"],
    ["(x)-3", "3"],
    ["about 25%", "25"],
    ["about 25 %.", "25"],
    [".5", "0.5"],
    ["0.50", "0.5"],
    ["-0", "0"],
    ["007", "7"],
    ["1e3", "1000"],
    ["2.5E-3", "0.0025"],
    ["12345678901234567890", "12345678901234567890"],
    ["it is 3/4", "3/4"],
    ["it is 3 / 4.", "3/4"],
    ["1, 2, 3", "3"],
    ["10,20", "20"],
    ["x2 is 5km, not H2O", "5"],
    ["wait...5", "5"],
    ["The answer is 5 apples, for 2 friends.", "5"],
    ["The answer is 3 * 6 = 18. That took 2 steps", "18"],
    ["The final answer is: **18**.", "18"],
    ["Answer: $42", "42"],
    ["**Answer:** 1,000 m", "1000"],
    ["The answer is 1. No, the answer is 2.", "2"],
    ["The answer is 3.25, I think", "3.25"],
    ["I had 7. The answer is unknown", "7"],
    ["The answer isn't 5 but 6", "6"],
    [String.raw`so \boxed{18}. There are 2 ways`, "18"],
    [String.raw`$\boxed{1{,}234}$`, "1234"],
    [String.raw`\boxed{\$5.50}`, "5.5"],
    [String.raw`\boxed{-7}`, "-7"],
    [String.raw`\boxed{12 \text{ cm}}`, "12"],
    [String.raw`\boxed{x = 4}`, "4"],
    [String.raw`\boxed{\frac{1}{2}}`, String.raw`\frac{1}{2}`],
    [String.raw`\boxed{ (1, 2) }`, "(1,2)"],
    [String.raw`\boxed{}`, undefined],
    [String.raw`\boxed{90^\circ}`, "90"],
    [String.raw`\boxed{50\%}`, "50"],
    [String.raw`\boxed{10,\!000}`, "10000"],
    [String.raw`\boxed{7 dollars}`, "7"],
    [String.raw`\boxed{12\text{ cm}^2}`, "12"],
    [String.raw`\boxed{\text{42}}`, "42"],
    [String.raw`\boxed{\mathbf{-8}.}`, String.raw`\mathbf{-8}.`],
    [String.raw`\boxed{+5}`, "5"],
    [String.raw`\boxed{5.0}`, "5"],
    // Not a number: equal to the same text only.
    [String.raw`\boxed{x^2}`, "x^2"],
    [String.raw`\boxed{2x}`, "2x"],
    [String.raw`\boxed{3\pi}`, String.raw`3\pi`],
    [String.raw`\boxed{10^5}`, "10^5"],
    [String.raw`\boxed{2\sqrt{3}}`, String.raw`2\sqrt{3}`],
    [String.raw`\boxed{1, 2}`, "1,2"],
    [String.raw`\boxed{\frac{\sqrt{3}}{2}}`, String.raw`\frac{\sqrt{3}}{2}`],
    [String.raw`\boxed{\text{none}}`, String.raw`\text{none}`],
    // Several boxes: the last, as in a correction; one that was cut off is not there.
    [String.raw`\boxed{3}. No, \boxed{4}`, "4"],
    [String.raw`\boxed{3}. No, \boxed{4`, "3"],
    ["The answer is eighteen.", "18"],
    ["The answer is forty-two apples.", "42"],
    ["The answer is minus one hundred and five", "-105"],
    ["The answer is two thousand three hundred", "2300"],
    ["The answer is zero", "0"],
    ["I had 7. The answer is one of them", "7"],
    ["She has eighteen eggs", undefined],
    ["The answer is 12 of the forty", "12"],
    ["It is \u20AC1,250.75 in all", "1250.75"],
    ["a debt of -\u00A35", "-5"],
    ["from 10\u201320", "20"],
    ["it is 1\u202F234\u202F567", "567"],
    ["1e400", `1${"0".repeat(400)}`],
    ["1.50e1", "15"],
    ["0.000", "0"],
    // Cut off in the middle: how far it got.
    ["She sells 16 - 3 = 13 eggs. The answer is", "13"],
    ["She makes $1,2", "2"],
    ["no number", undefined],
    ["", undefined],
  ])("of %j is %j", (text, answer) => expect(numericAnswer(text)).toBe(answer));

  it("reads any integer and decimal back, however it is dressed", () => {
    const dressings = [
      (n: string) => n,
      (n: string) => `It is ${n}.`,
      (n: string) => `The answer is ${n}`,
      (n: string) => `\\boxed{${n}}`,
      (n: string) => `5 apples.\n#### ${n}`,
    ];
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(...dressings), (value, dress) => {
        expect(numericAnswer(dress(String(value)))).toBe(String(value));
        expect(numericAnswer(dress(value.toLocaleString("en")))).toBe(String(value));
        expect(numericAnswer(dress((value / 100).toFixed(2)))).toBe(String(value / 100));
      }),
      { seed: 3, numRuns: 300 },
    );
  });
});

describe("choiceAnswer", () => {
  it.each([
    ["B", "B"],
    ["b", "B"],
    ["(C)", "C"],
    [" **D** ", "D"],
    ["B.", "B"],
    ["B. Mitochondria", "B"],
    ["(B) mitochondria, since (A) is wrong", "B"],
    ["B) mitochondria", "B"],
    ["B: mitochondria", "B"],
    ["The answer is C.", "C"],
    ["The answer is (c)", "C"],
    ["The correct answer is: **D**", "D"],
    ["Answer: B", "B"],
    ["ANSWER: B", "B"],
    ["The answer is option E", "E"],
    ["the correct option is J", "J"],
    ["The answer is A because of B", "A"],
    ["First (A), then (B).\nSo the answer is (A).", "A"],
    ["The answer is A. No: the answer is B.", "B"],
    [String.raw`\boxed{C}`, "C"],
    [String.raw`The answer is A, hence \boxed{\text{B}}`, "B"],
    [String.raw`the answer is $\textbf{(D)}\ 12$`, "D"],
    ["Some reasoning.\n\nC", "C"],
    ["A) is wrong.\nB) is wrong.\nI take (C)", "C"],
    ["I would go with option D here", "D"],
    ["It can not be (A), it must be (B)", "B"],
    ["I think that it depends", undefined],
    ["The answer is Apollo", undefined],
    ["The answer isn't known", undefined],
    ["A cat", undefined],
    ["K", undefined],
    ["the answer would be (C)", "C"],
    ["The answer must be B", "B"],
    ["Answer: (b) the mitochondrion", "B"],
    ["The answer is not A but B.", undefined],
    // Cut off: a first line that begins with a letter in parentheses counts as a choice.
    ["(A) or (B)? The answer is", "A"],
    ["Ans: D", undefined],
    ["", undefined],
  ])("of %j is %j", (text, answer) => expect(choiceAnswer(text)).toBe(answer));
});
