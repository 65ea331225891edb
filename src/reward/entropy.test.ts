import { expect, it } from "vitest";
import { UsageError } from "../core/errors.js";
import type { Response } from "../policy/policy.js";
import { sequentialPolicy } from "../policy/sequential.js";
import { tabularPolicy } from "../policy/tabular.js";
import { entropy } from "./entropy.js";
import { choose, type Pool } from "./self-reward.js";

const response = (tokens: readonly number[], index: number): Response => ({
  promptId: "p",
  index,
  text: "",
  tokens,
  logProbs: tokens.map(() => -1),
  finish: "stop",
});
const poolOf = (policy: Pool["policy"], ...all: (readonly number[])[]): Pool => ({
  prompt: { id: "p", text: "?" },
  responses: all.map(response),
  extract: () => undefined,
  ...(policy && { policy }),
});

/** A fair coin at first; after a 1, a coin that falls on 0 nine times of ten; after a 0, one token for certain. */
const coin = sequentialPolicy({
  name: "coin",
  fingerprint: "coin",
  next: (_, prefix) => {
    const heads = prefix.length === 0 ? 0.5 : prefix.at(-1) === 1 ? 0.9 : 1;
    return Float64Array.of(Math.log(heads), Math.log(1 - heads));
  },
});

it("is minus the mean entropy of what each token was drawn from, whichever token that was", async () => {
  const bent = -(0.9 * Math.log(0.9) + 0.1 * Math.log(0.1));
  const scores = await entropy.score(poolOf(coin, [0], [1], [0, 0], [1, 0], [1, 1]));
  const expected = [-Math.LN2, -Math.LN2, -Math.LN2 / 2, -(Math.LN2 + bent) / 2, -(Math.LN2 + bent) / 2];
  scores.forEach((score, i) => expect(score).toBeCloseTo(expected[i]!, 12));
  expect(choose(scores)).toBe(2);
});

it("ranks a response without tokens below every other", async () => {
  const scores = await entropy.score(poolOf(tabularPolicy({ p: [0.25, 0.25, 0.5] }), [], [2]));
  expect(scores[1]).toBeCloseTo(-1.5 * Math.LN2, 12);
  expect(scores[0]).toBe(-1e9);
});

it("says what it needs where there is no model", async () => {
  await expect(entropy.score(poolOf(undefined, [0]))).rejects.toThrow(UsageError);
});
