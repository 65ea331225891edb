import { describe, expect, it } from "vitest";
import { UsageError } from "../core/errors.js";
import type { Response } from "../policy/policy.js";
import { rewardNamed, rewards } from "./registry.js";
import { choose, type Pool } from "./self-reward.js";

function response(index: number, text: string, logProbs: number[], certainties?: number[]): Response {
  const base = {
    promptId: "p",
    index,
    text,
    tokens: logProbs.map(() => 1),
    logProbs,
    finish: "stop" as const,
  };
  return certainties === undefined ? base : { ...base, certainties };
}

const pool = (responses: Response[]): Pool => ({
  prompt: { id: "p", text: "?" },
  responses,
  extract: (text) => (text.startsWith("=") ? text.slice(1) : undefined),
});

describe("scores by hand", () => {
  const responses = [
    response(0, "=4", [-1, -2, -3], [1, 2, 6]),
    response(1, "=5", [-4], [5]),
    response(2, "none", [-0.5, -0.5], [0, 0]),
    response(3, "=4", [], []),
  ];

  it("log-likelihood is the sum, and an empty response is not the likeliest", async () => {
    expect(await rewardNamed("log-likelihood").score(pool(responses))).toEqual([-6, -4, -1, -1e9]);
  });

  it("length-normalized is the mean, and rates a long response by its tokens", async () => {
    expect(await rewardNamed("length-normalized").score(pool(responses))).toEqual([-2, -4, -0.5, -1e9]);
  });

  it("self-certainty is the mean certainty", async () => {
    expect(await rewardNamed("self-certainty").score(pool(responses))).toEqual([3, 5, 0, 0]);
  });

  it("majority is the answer's share; no answer counts for nothing", async () => {
    const scores = await rewardNamed("majority").score(pool(responses));
    expect(scores).toEqual([0.5, 0.25, 0, 0.5]);
    expect(choose(scores)).toBe(0);
  });

  it("majority chooses an unanswered response only where there is no other", () => {
    const majority = rewardNamed("majority");
    // Of the three pairs, {none, none'} alone has no answer.
    const some = pool([response(0, "=4", [-1]), response(1, "none", [-1]), response(2, "none", [-2])]);
    const [answered, first, second] = majority.chosenProbabilities!(some, 2);
    expect(answered).toBeCloseTo(2 / 3, 14);
    expect(first).toBeCloseTo(1 / 6, 14);
    expect(second).toBeCloseTo(1 / 6, 14);
    const empty = pool([response(0, "none", [-1]), response(1, "none", [-1])]);
    expect(majority.chosenProbabilities!(empty, 1)).toEqual([0.5, 0.5]);
    expect(majority.chosenProbabilities!(empty, 2)).toEqual([0.5, 0.5]);
  });

  it("self-certainty names the response that has no certainties", async () => {
    const blind = pool([responses[0]!, response(7, "=1", [-1])]);
    await expect(rewardNamed("self-certainty").score(blind)).rejects.toThrow(
      /response 7 to prompt "p" has none/,
    );
    await expect(rewardNamed("self-certainty").score(blind)).rejects.toBeInstanceOf(UsageError);
  });
});

describe("the registry", () => {
  it("holds every reward under its own name", () => {
    for (const [name, reward] of Object.entries(rewards)) expect(reward.name).toBe(name);
    expect(Object.keys(rewards)).toEqual(expect.arrayContaining(["log-likelihood", "majority", "judge"]));
  });

  it.each(["best", "", "toString", "__proto__"])("refuses %j and lists the names", (name) => {
    expect(() => rewardNamed(name)).toThrow(UsageError);
    expect(() => rewardNamed(name)).toThrow(
      /log-likelihood, length-normalized, majority, self-certainty, judge/,
    );
  });
});
