import { describe, expect, it } from "vitest";
import type { Prompt } from "../../src/policy/policy.js";
import { promptsOf, tinyGamePolicy, wordPolicy } from "../../src/sharpen/tiny-policies.test-helper.js";
import {
  ALPHA,
  lengthsPolicy,
  MAX_TOKENS,
  plainly,
  powerLaw,
  prompt,
  totalVariation,
} from "../../src/sharpen/power/power-target.test-helper.js";
import { sequentialMonteCarlo } from "../../src/sharpen/power/smc.js";

const run = { alpha: ALPHA, particles: 12000, blockTokens: 1, rampTokens: 4, maxTokens: MAX_TOKENS, seed: 3 };

describe("the law of sequential Monte Carlo", () => {
  // Three others in test/models/power-law.test.ts.
  it.each([["a token at a time", {}]])("is within total variation 0.02 of π^α %s", async (_, change) => {
    const [samples] = await sequentialMonteCarlo(lengthsPolicy(), [prompt], { ...run, ...change });
    const { law, normalizer } = powerLaw(ALPHA);
    expect(totalVariation(law, samples!.particles, samples!.weights)).toBeLessThan(0.02);
    expect(Math.exp(samples!.logNormalizer) / normalizer).toBeCloseTo(1, 1);
  });

  it("is far from it without the weights", async () => {
    const policy = plainly(lengthsPolicy());
    const [samples] = await sequentialMonteCarlo(policy, [prompt], { ...run, resampleBelow: 0 });
    expect(totalVariation(powerLaw(ALPHA).law, samples!.particles)).toBeGreaterThan(0.1);
  });

  it.each([
    ["the temperature 1/α", lengthsPolicy(), 0.9],
    ["temperature 1", plainly(lengthsPolicy()), 0.5],
  ])(
    "estimates Σ π^α without bias from as few as 4 particles, drawn at %s, and chooses one by its weight",
    async (_, policy, resampleBelow) => {
      const count = 3000;
      const prompts = Array.from({ length: count }, (_, i): Prompt => ({ id: `x${i}`, text: "x" }));
      const all = await sequentialMonteCarlo(policy, prompts, { ...run, particles: 4, resampleBelow });
      const estimates = all.map(({ logNormalizer }) => Math.exp(logNormalizer));
      const mean = estimates.reduce((a, b) => a + b, 0) / count;
      const variance = estimates.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
      expect(Math.abs(mean - powerLaw(ALPHA).normalizer)).toBeLessThan(4 * Math.sqrt(variance / count));
      // The share of prompts that choose the heaviest particle is the mean of its weight.
      const heaviest = all.map(({ weights }) => weights.indexOf(Math.max(...weights)));
      const share = all.filter(({ chosen }, i) => chosen.index === heaviest[i]).length / count;
      const expected = all.reduce((sum, { weights }, i) => sum + weights[heaviest[i]!]!, 0) / count;
      expect(Math.abs(share - expected)).toBeLessThan(0.04);
      expect(all.some(({ resamplings }) => resamplings > 0)).toBe(true);
    },
  );
});

describe("sequentialMonteCarlo", () => {
  const options = { particles: 16, blockTokens: 2, maxTokens: 9, seed: 2 };

  it("gives whole responses with their log-probabilities, the same whatever else is asked", async () => {
    const policy = wordPolicy();
    const prompts = promptsOf(4);
    const all = await sequentialMonteCarlo(policy, prompts, options);
    expect(await sequentialMonteCarlo(policy, [prompts[3]!], options)).toEqual([all[3]]);
    for (const { prompt: asked, particles, weights, effectiveSizes } of all) {
      const scored = await policy.logProb(particles.map(({ tokens }) => ({ prompt: asked, tokens })));
      particles.forEach(({ logProbs, index }, i) => {
        expect(index).toBe(i);
        expect([...logProbs]).toEqual([...scored[i]!]);
      });
      expect(weights.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
      expect(effectiveSizes).toHaveLength(5);
      for (const size of effectiveSizes) {
        expect(size).toBeGreaterThanOrEqual(1 - 1e-9);
        expect(size).toBeLessThanOrEqual(16 + 1e-9);
      }
    }
  });

  it("for α = 1 draws from the base: all weights alike, and nothing resampled", async () => {
    const [samples] = await sequentialMonteCarlo(wordPolicy(), promptsOf(1), { ...options, alpha: 1 });
    expect(samples!.weights.every((weight) => Math.abs(weight - 1 / 16) < 1e-12)).toBe(true);
    expect(samples!.logNormalizer).toBeCloseTo(0, 12);
    expect(samples!.resamplings).toBe(0);
  });

  it("draws from a transformer what its scorer confirms", async () => {
    const policy = await tinyGamePolicy();
    try {
      const [samples] = await sequentialMonteCarlo(policy, promptsOf(1), { ...options, alpha: 2 });
      const { particles, resamplings, prompt: asked } = samples!;
      expect(resamplings).toBeGreaterThan(0);
      const scored = await policy.logProb(particles.map(({ tokens }) => ({ prompt: asked, tokens })));
      particles.forEach(({ logProbs }, i) => {
        expect(Math.max(...logProbs.map((value, t) => Math.abs(value - scored[i]![t]!)))).toBeLessThan(1e-4);
      });
    } finally {
      await policy.dispose();
    }
  });

  it("refuses what cannot be, in a sentence", async () => {
    const attempt = (change: object) =>
      sequentialMonteCarlo(wordPolicy(), promptsOf(1), { ...options, ...change });
    await expect(attempt({ alpha: Number.NaN })).rejects.toThrow(/α must be at least 1/);
    await expect(attempt({ particles: 0 })).rejects.toThrow(/number of particles/);
    await expect(attempt({ resampleBelow: 2 })).rejects.toThrow(/between 0 and 1, not 2/);
  });
});
