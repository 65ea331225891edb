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
    ["", undefined],
    [" \n\t", undefined],
  ])("of %j is %j", (text, answer) => expect(exactAnswer(text)).toBe(answer));

  it("takes no time on hostile texts", () => {
    const before = process.cpuUsage();
    expect(exactAnswer(`${"a".repeat(1_000_000)}\nb`)).toBe("b");
    expect(exactAnswer(`a${" ".repeat(1_000_000)}b`)).toBe("a b");
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(3000);
  });
});

describe("lastBoxed", () => {
  it.each([
    [String.raw`\boxed{1} then \boxed{\frac{1}{2}}`, String.raw`\frac{1}{2}`],
    [String.raw`\boxed{\{1, 2\}}`, String.raw`\{1, 2\}`],
    [String.raw`\fbox {7}`, "7"],
    [String.raw`\boxed{1} and \boxed{2`, "1"],
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

  it("takes no time on hostile texts", () => {
    const before = process.cpuUsage();
    for (const piece of ["1", "1,", "1,111", "1/", " ", "-", "$", "answer is ", "\\boxed{", ".1", "1e"]) {
      numericAnswer(piece.repeat(50_000));
    }
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(3000);
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
    ["", undefined],
  ])("of %j is %j", (text, answer) => expect(choiceAnswer(text)).toBe(answer));

  it("takes no time on hostile texts", () => {
    const before = process.cpuUsage();
    for (const piece of ["answer is the ", "answer: ", "(", "A", "A)\n", " ", "option option ", "\\boxed{"]) {
      choiceAnswer(piece.repeat(50_000));
    }
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(3000);
  });
});
