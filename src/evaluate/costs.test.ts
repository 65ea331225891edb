import { expect, it } from "vitest";
import { costed } from "./costs.js";
import type { Metrics } from "./metrics.js";

const exactly = (value: number) => ({ value, low: value, high: value });
const answer = (accuracy: number, length: number) => ({
  accuracy: exactly(accuracy),
  logLikelihood: exactly(-3),
  length: exactly(length),
});

/** 100 prompts; a response of the base has 20 tokens on average. */
const metrics = {
  prompts: 100,
  greedy: answer(0.5, 18),
  base: answer(0.3, 20),
  baselines: { "temperature 0.5": answer(0.4, 19), "beam search of width 4": answer(0.55, 16) },
  bestOfN: {
    majority: { "1": answer(0.3, 20), "8": answer(0.6, 21) },
    judge: { "8": answer(0.58, 22) },
  },
  adapters: { dpo: { ...answer(0.45, 15), modelCalls: 800, validationCalls: 50 } },
} as unknown as Metrics;

it("counts what is drawn, what a beam extends, what a judge reads and writes, and what an adapter learned from", () => {
  const { costs = [] } = costed(metrics, (method) => method.toUpperCase());
  expect(costs.map(({ name, tokens, accuracy }) => [name, tokens, accuracy.value])).toEqual([
    ["greedy", 100 * 18, 0.5],
    ["one sample", 100 * 20, 0.3],
    ["one sample, temperature 0.5", 100 * 19, 0.4],
    ["beam search of width 4", 100 * 4 * 16, 0.55],
    ["best-of-1 by majority", 100 * 20, 0.3],
    ["best-of-8 by majority", 100 * 8 * 20, 0.6],
    ["best-of-8 by judge", 100 * 8 * (20 + 20 + 1), 0.58],
    ["DPO adapter, one sample", 100 * 15 + 850 * 20, 0.45],
  ]);
  expect(costs[5]).toMatchObject({ reward: "majority", n: 8 });
});

it("has nothing to say without labels", () => {
  const { accuracy: _, ...unlabelled } = answer(0, 18);
  const none = { greedy: unlabelled, base: unlabelled, baselines: {}, bestOfN: {}, adapters: {} };
  expect(costed({ ...metrics, ...none })).toEqual({});
});
