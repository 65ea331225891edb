import { expect, it } from "vitest";
import { guessFinding } from "./findings-guess.js";
import type { AnswerMetrics } from "./metrics.js";

const answer = (value: number): AnswerMetrics => ({
  accuracy: { value, low: value, high: value },
  logLikelihood: { value: -1, low: -1, high: -1 },
  length: { value: 9, low: 9, high: 9 },
});
const run = {
  greedy: answer(0.125),
  bestOfN: { a: { 1: answer(0.9), 50: answer(0.2) }, b: { 50: answer(0.4) } },
};

it("says where a guess would be right more often than greedy and every choice at the largest N", () => {
  expect(guessFinding({ ...run, chance: 0.5 })).toEqual([
    "A guess would be right on 50.0 %, greedy is on 12.5 % and the best choice, best-of-50 with b, on 40.0 %: below a guess, a gain says that more responses give an answer, not that the model finds it.",
  ]);
});

it("says nothing where a choice or greedy is as good as a guess, where any answer is possible, or without labels", () => {
  expect(guessFinding({ ...run, chance: 0.4 })).toEqual([]);
  expect(guessFinding({ ...run, greedy: answer(0.5), chance: 0.5 })).toEqual([]);
  expect(guessFinding(run)).toEqual([]);
  const { accuracy: _, ...unlabelled } = answer(0);
  expect(guessFinding({ greedy: unlabelled, bestOfN: { a: { 50: unlabelled } }, chance: 0.5 })).toEqual([]);
  expect(guessFinding({ greedy: answer(0), bestOfN: {}, chance: 0.5 })).toEqual([]);
});
