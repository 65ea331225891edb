import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Response } from "../policy/policy.js";
import { chosenByEnumeration, contractViolations } from "./contract.js";
import { sequentialPolicy } from "../policy/sequential.js";
import { judge } from "./judge.js";
import { rewards } from "./registry.js";
import type { Pool, SelfReward } from "./self-reward.js";

/** Small pools with ties, duplicates, missing answers, empty responses and tokens of probability zero. */
const response = fc.record({
  text: fc.constantFrom("= a", "= b", "= c", "no answer", "", "= a again"),
  logProbs: fc.array(
    fc.oneof(fc.constantFrom(-1, -0.5), fc.double({ min: -20, max: 0 }), fc.constant(-Infinity)),
    {
      maxLength: 4,
    },
  ),
  finish: fc.constantFrom("stop" as const, "length" as const),
});

/** Tokens 0 to 3, whose distribution sharpens as a response goes on: for rewards that ask the model for entropies. */
const policy = sequentialPolicy({
  name: "sharpening",
  fingerprint: "sharpening",
  next: (_, prefix) => {
    const weights = [1 + prefix.length, 1, 1, 1];
    const total = weights.reduce((a, b) => a + b, 0);
    return Float64Array.from(weights, (weight) => Math.log(weight / total));
  },
});

const pools: fc.Arbitrary<Pool> = fc.array(response, { minLength: 1, maxLength: 6 }).map((drawn) => ({
  prompt: { id: "p", text: "? {response} $&" },
  policy,
  extract: (text) => /^= (\w)/.exec(text)?.[1],
  responses: drawn.map(({ text, logProbs, finish }, index): Response => ({
    promptId: "p",
    index,
    text,
    tokens: logProbs.map((_, t) => t),
    logProbs,
    certainties: logProbs.map((value) => (Number.isFinite(value) ? -value / 2 : 3)),
    finish,
  })),
}));

/** The registry's, with a judge that needs no model: P(yes) is a function of the grading prompt's text. */
const tested: readonly SelfReward[] = Object.values(rewards).map((reward) =>
  reward.name === "judge"
    ? judge({ score: (prompts) => Promise.resolve(prompts.map(({ text }) => (text.length % 7) / 7)) })
    : reward,
);

describe.each(tested)("the contract of $name", (reward) => {
  it("holds on any small pool", async () => {
    await fc.assert(
      fc.asyncProperty(pools, async (pool) => {
        expect(await contractViolations(reward, pool)).toEqual([]);
      }),
      { numRuns: 100, seed: 1 },
    );
  });

  it("says in one sentence what the reward is", () => {
    expect(reward.description).toMatch(/^[A-Z].{20,}\.$/);
  });
});

describe("a reward that breaks the contract is found out", () => {
  const pool: Pool = {
    prompt: { id: "p", text: "?" },
    extract: (text) => text,
    responses: ["a", "b", "b"].map((text, index) => ({
      promptId: "p",
      index,
      text,
      tokens: [1, 2],
      logProbs: [-1, -index],
      finish: "stop",
    })),
  };
  const broken = (parts: Partial<SelfReward>): SelfReward => ({
    name: "broken",
    description: "",
    needs: [],
    score: ({ responses }) => Promise.resolve(responses.map(() => 1)),
    ...parts,
  });
  const cases: [string, Partial<SelfReward>, RegExp][] = [
    ["a missing score", { score: () => Promise.resolve([1]) }, /1 scores for 3/],
    ["NaN", { score: (p) => Promise.resolve(p.responses.map(() => NaN)) }, /not finite/],
    [
      "position",
      { score: (p) => Promise.resolve(p.responses.map((_, i) => i)) },
      /depend on the responses' order/,
    ],
    [
      "a label",
      { score: (p) => Promise.resolve(p.responses.map((r) => ("label" in r && r.label === "42" ? 1 : 1))) },
      /reads label/,
    ],
    [
      "the pool's size",
      { score: (p) => Promise.resolve(p.responses.map(() => p.responses.length)) },
      /by the others/,
    ],
    ["wrong odds", { chosenProbabilities: () => [0.5, 0.25, 0.25] }, /all subsets give 0.333/],
    ["odds that do not sum to 1", { chosenProbabilities: () => [0.5, 0.5, 0.5] }, /sum to 1.5/],
  ];
  it.each(cases)("%s", async (_, parts, message) => {
    expect((await contractViolations(broken(parts), pool)).join("\n")).toMatch(message);
  });

  it("enumeration itself agrees with counting by hand", async () => {
    // Of {a, b}, {a, b'}, {b, b'}, by majority: tie, tie, b.
    expect(await chosenByEnumeration(rewards.majority!, pool, 2)).toEqual([1 / 3, 1 / 3, 1 / 3]);
    expect(await chosenByEnumeration(rewards.majority!, pool, 3)).toEqual([0, 0.5, 0.5]);
  });
});
