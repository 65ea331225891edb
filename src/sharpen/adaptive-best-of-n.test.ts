import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UsageError } from "../core/errors.js";
import { sequenceLogProb } from "../policy/policy.js";
import { tabularPolicy } from "../policy/tabular.js";
import { rewardNamed } from "../reward/registry.js";
import { adaptiveBestOfN, chooseAdaptively, stoppingTime } from "./adaptive-best-of-n.js";
import { bestOfN } from "./best-of-n.js";
import { collect, promptsOf, wordPolicy } from "./tiny-policies.test-helper.js";

const settings = { temperature: 1, maxTokens: 8, seed: 3 };

describe("stoppingTime", () => {
  it("is the first k with 1/max π ≤ k/μ (eq. 10), read literally", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 1e-3, max: 1, noNaN: true }), { maxLength: 40 }),
        fc.double({ min: 0.1, max: 10, noNaN: true }),
        (probabilities, mu) => {
          const ks = probabilities.map((_, i) => i + 1);
          const fires = (k: number): boolean => 1 / Math.max(...probabilities.slice(0, k)) <= k / mu;
          // Logarithms round otherwise than quotients do.
          fc.pre(ks.every((k) => Math.abs((Math.max(...probabilities.slice(0, k)) * k) / mu - 1) > 1e-9));
          expect(stoppingTime(probabilities.map(Math.log), mu)).toBe(ks.find(fires));
        },
      ),
      { numRuns: 500, seed: 1 },
    );
  });

  it("by hand: a certain response needs ⌈μ⌉ draws; none, or an impossible one, never suffices", () => {
    expect(stoppingTime([0, 0, 0, 0, 0], Math.log(20))).toBe(3);
    expect(stoppingTime([], 1)).toBeUndefined();
    expect(stoppingTime([-Infinity, -Infinity], 1e-9)).toBeUndefined();
  });
});

describe("adaptiveBestOfN", () => {
  it("draws and misses within the bounds of Lemma I.1", async () => {
    const prompts = promptsOf(600);
    for (const [row, best] of [
      [[0.3, 0.1, 0.2, 0.25, 0.15], [0]],
      [
        [0.2, 0.2, 0.15, 0.15, 0.1, 0.2],
        [0, 1, 5],
      ],
    ] as const) {
      const policy = tabularPolicy(Object.fromEntries(prompts.map(({ id }) => [id, row])));
      const top = row[best[0]];
      for (const delta of [0.5, 0.1]) {
        const mu = Math.log(2 / delta);
        const results = await adaptiveBestOfN(policy, prompts, { ...settings, delta, cap: 200 });
        const mean = results.reduce((sum, { drawn }) => sum + drawn, 0) / prompts.length;
        const missed = results.filter(
          ({ chosen }) => !(best as readonly number[]).includes(chosen.tokens[0]!),
        );
        // P* is the largest probability; the rule cannot fire before μ / P*.
        expect(mean).toBeLessThanOrEqual((mu + 1 / best.length) / top);
        expect(mean).toBeGreaterThanOrEqual(mu / top);
        expect(missed.length / prompts.length).toBeLessThanOrEqual(Math.exp(-best.length * mu));
        expect(results.some(({ capped }) => capped)).toBe(false);
      }
    }
  });

  it("draws what best-of-N draws, and chooses the best of those up to the stop", async () => {
    const prompts = promptsOf(30);
    const full = await collect(
      bestOfN(wordPolicy(), prompts, {
        ...settings,
        reward: rewardNamed("log-likelihood"),
        n: 20,
        keepAll: true,
      }),
    );
    const responsesOf = new Map(full.map(({ prompt, finished }) => [prompt.id, finished]));
    for (const round of [1, 3, 8, 50]) {
      const results = await adaptiveBestOfN(wordPolicy(), prompts, {
        ...settings,
        delta: 0.1,
        cap: 20,
        round,
      });
      expect(results.map(({ prompt }) => prompt)).toEqual(prompts);
      const stops = { early: 0, capped: 0 };
      for (const { prompt, chosen, drawn, wasted, capped } of results) {
        const responses = responsesOf.get(prompt.id)!;
        const stop = stoppingTime(responses.map(sequenceLogProb), Math.log(20));
        expect({ drawn, capped }).toEqual({ drawn: stop ?? 20, capped: stop === undefined });
        stops[capped ? "capped" : "early"]++;
        const best = Math.max(...responses.slice(0, drawn).map(sequenceLogProb));
        expect(chosen).toEqual(responses.find((response) => sequenceLogProb(response) === best));
        // Rounds are whole, but for the last before the cap.
        expect(drawn + wasted).toBe(Math.min(20, Math.ceil(drawn / round) * round));
        expect(chooseAdaptively(responses, Math.log(20))).toEqual({ chosen, drawn, capped });
      }
      expect(stops.early).toBeGreaterThan(5);
      expect(stops.capped).toBeGreaterThan(0);
    }
  });

  it.each([
    { delta: 0 },
    { delta: 1 },
    { delta: NaN },
    { cap: 0 },
    { cap: 1.5 },
    { round: 0 },
    { round: -1 },
  ])("refuses %o", async (options) => {
    await expect(adaptiveBestOfN(wordPolicy(), promptsOf(1), { ...settings, ...options })).rejects.toThrow(
      UsageError,
    );
  });
});
