import { expect, it } from "vitest";
import { runChains } from "../../src/sharpen/power/chains.js";
import { sequentialMonteCarlo } from "../../src/sharpen/power/smc.js";
import {
  ALPHA,
  lengthsPolicy,
  MAX_TOKENS,
  plainly,
  powerLaw,
  prompt,
  totalVariation,
} from "../../src/sharpen/power/power-target.test-helper.js";

// At temperature 1/α proposals favour the likelier first token, which starts the less likely responses here: more moves are needed.
it.each([
  [1.5, "1/α", 10],
  [3, "1/α", 10],
  [4, "1/α", 30],
  [1.5, "1", 10],
  [4, "1", 10],
] as const)(
  "power sampling is within total variation 0.02 of π^α, α = %f, proposals at temperature %s",
  async (alpha, temperature, moves) => {
    const policy = temperature === "1" ? plainly(lengthsPolicy()) : lengthsPolicy();
    const run = { chains: 4000, moves, blocks: 2, maxTokens: MAX_TOKENS, seed: 1, earlyRejection: true };
    const chains = await runChains(policy, [prompt], { ...run, alpha });
    const drawn = chains.map(({ response }) => response!);
    expect(totalVariation(powerLaw(alpha).law, drawn)).toBeLessThan(0.02);
  },
);

it.each([
  ["in blocks, resampling after each", lengthsPolicy(), { blockTokens: 2, resampleBelow: 1 }],
  ["with a ramp that outlasts the response", lengthsPolicy(), { rampTokens: 40 }],
  ["without resampling: importance sampling", lengthsPolicy(), { resampleBelow: 0 }],
  ["with proposals at temperature 1", plainly(lengthsPolicy()), {}],
])("sequential Monte Carlo is within total variation 0.02 of π^α %s", async (_, policy, change) => {
  const run = { particles: 12000, blockTokens: 1, rampTokens: 4, maxTokens: MAX_TOKENS, seed: 3 };
  const options = { ...run, alpha: ALPHA, ...change };
  const [samples] = await sequentialMonteCarlo(policy, [prompt], options);
  const { law, normalizer } = powerLaw(ALPHA);
  expect(totalVariation(law, samples!.particles, samples!.weights)).toBeLessThan(0.02);
  expect(Math.exp(samples!.logNormalizer) / normalizer).toBeCloseTo(1, 1);
});
