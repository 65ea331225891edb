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
