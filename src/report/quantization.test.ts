import { expect, it } from "vitest";
import { quantizationInWords } from "./quantization.js";

const measured = {
  quantization: "int4",
  responses: 16,
  tokens: 512,
  perResponse: { mean: 0.2071, max: 1.036 },
  perToken: { mean: 0.028, max: 0.603 },
};

it("says how the base is held and how far that is from the float model", () => {
  expect(quantizationInWords(measured)).toBe(
    "The base is held quantized to int4. Its log π(y|x) differs from that of the float model by 0.207 nats on average and " +
      "1.036 at most (of a token by 0.028 and 0.603), over 16 of its responses, 512 tokens.",
  );
  const kept = { ...measured, quantization: "keep", perToken: { mean: 0, max: 0.0000123 } };
  expect(quantizationInWords(kept)).toMatch(
    /held as the blocks of its file.*of a token by 0\.000 and 1\.2e-5/,
  );
});

it("says how far apart the distributions are, and what that does to the choice", () => {
  const said = quantizationInWords({
    ...measured,
    divergence: {
      kl: { value: 0.0041, low: 0.0032, high: 0.0052 },
      totalVariation: { value: 0.028, low: 0.025, high: 0.031 },
    },
    choices: {
      "log-likelihood": {
        same: { value: 0.875, low: 0.617, high: 0.984 },
        accuracyGain: { value: 0.0625, low: -0.05, high: 0.18 },
      },
    },
  }).replaceAll("\u00a0", " ");
  expect(said).toMatch(/KL divergence from the float model is 0\.0041 nats \(0\.0032 to 0\.0052\)/);
  expect(said).toMatch(/total variation 0\.0280 \(0\.0250 to 0\.0310\)/);
  expect(said).toMatch(
    /By log-likelihood the rounded model's own choice is the exact one for 87\.5 % \(61\.7 to 98\.4\) of the prompts, and the exact choice is right more often by \+6\.3 points \(−5\.0 to \+18\.0\)/,
  );
});
