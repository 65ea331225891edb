import { expect, it } from "vitest";
import { runChains } from "../../src/sharpen/power/chains.js";
import { sequentialMonteCarlo } from "../../src/sharpen/power/smc.js";
import {
  ALPHA,
  lengthsPolicy,
  MAX_TOKENS,
  powerLaw,
  prompt,
  totalVariation,
} from "../../src/sharpen/power/power-target.test-helper.js";

it.each([1.5, 2, 3, 4])("power sampling is within total variation 0.02 of π^α, α = %f", async (alpha) => {
  const run = { chains: 4000, moves: 10, blocks: 2, maxTokens: MAX_TOKENS, seed: 1, earlyRejection: true };
  const chains = await runChains(lengthsPolicy(), [prompt], { ...run, alpha });
  const drawn = chains.map(({ response }) => response!);
  expect(totalVariation(powerLaw(alpha).law, drawn)).toBeLessThan(0.02);
});

it.each([
  ["in blocks, resampling after each", { blockTokens: 2, resampleBelow: 1 }],
  ["with a ramp that outlasts the response", { rampTokens: 40 }],
  ["without resampling: importance sampling", { resampleBelow: 0 }],
])("sequential Monte Carlo is within total variation 0.02 of π^α %s", async (_, change) => {
  const run = { particles: 12000, blockTokens: 1, rampTokens: 4, maxTokens: MAX_TOKENS, seed: 3 };
  const options = { ...run, alpha: ALPHA, ...change };
  const [samples] = await sequentialMonteCarlo(lengthsPolicy(), [prompt], options);
  const { law, normalizer } = powerLaw(ALPHA);
  expect(totalVariation(law, samples!.particles, samples!.weights)).toBeLessThan(0.02);
  expect(Math.exp(samples!.logNormalizer) / normalizer).toBeCloseTo(1, 1);
});
