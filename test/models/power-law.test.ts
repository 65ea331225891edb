import { expect, it } from "vitest";
import { runChains } from "../../src/sharpen/power/chains.js";
import {
  lengthsPolicy,
  MAX_TOKENS,
  powerLaw,
  prompt,
  totalVariation,
} from "../../src/sharpen/power/power-target.test-helper.js";

it.each([1.5, 2, 3])("power sampling is within total variation 0.02 of π^α, α = %f", async (alpha) => {
  const run = { chains: 4000, moves: 10, blocks: 2, maxTokens: MAX_TOKENS, seed: 1, earlyRejection: true };
  const chains = await runChains(lengthsPolicy(), [prompt], { ...run, alpha });
  const drawn = chains.map(({ response }) => response!);
  expect(totalVariation(powerLaw(alpha).law, drawn)).toBeLessThan(0.02);
});
