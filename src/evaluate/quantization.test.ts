import { expect, it } from "vitest";
import { tabularPolicy } from "../policy/tabular.js";
import { handfulOf, quantizationError, quantizationErrorSchema } from "./quantization.js";

it("takes responses evenly", () => {
  expect(handfulOf([1, 2, 3])).toEqual([1, 2, 3]);
  const many = Array.from({ length: 160 }, (_, i) => i);
  expect(handfulOf(many)).toEqual(Array.from({ length: 16 }, (_, i) => 10 * i));
});

it("compares the log π of what was drawn with the float model's, by response and by token", async () => {
  const float = tabularPolicy({ a: [0.5, 0.5], b: [0.25, 0.75] });
  const drawn = (id: string, token: number, probability: number) => ({
    prompt: { id, text: id },
    response: {
      promptId: id,
      index: 0,
      text: "",
      tokens: [token],
      logProbs: [Math.log(probability)],
      finish: "stop" as const,
    },
  });
  const measured = await quantizationError("int8", float, [drawn("a", 1, 0.4), drawn("b", 0, 0.25)], true);
  expect(measured).toEqual({
    quantization: "int8",
    responses: 2,
    tokens: 2,
    perResponse: {
      mean: expect.closeTo(Math.log(1.25) / 2, 12) as number,
      max: Math.log(0.5) - Math.log(0.4),
    },
    perToken: { mean: expect.closeTo(Math.log(1.25) / 2, 12) as number, max: Math.log(0.5) - Math.log(0.4) },
  });
  expect(quantizationErrorSchema.parse(measured)).toEqual(measured);
});

it("estimates KL and total variation of a token from the samples themselves", async () => {
  const [rounded, float] = [
    [0.4, 0.6],
    [0.5, 0.5],
  ] as const;
  // 4 of 10 samples are the first token, as the rounded model has it.
  const drawn = Array.from({ length: 10 }, (_, index) => {
    const token = index < 4 ? 0 : 1;
    const logProbs = [Math.log(rounded[token])];
    const response = { promptId: "a", index, text: "", tokens: [token], logProbs, finish: "stop" as const };
    return { prompt: { id: "a", text: "a" }, response };
  });
  const { divergence } = await quantizationError("int4", tabularPolicy({ a: [...float] }), drawn, true);
  const kl = 0.4 * Math.log(0.4 / 0.5) + 0.6 * Math.log(0.6 / 0.5);
  expect(divergence!.kl.value).toBeCloseTo(kl, 12);
  expect(divergence!.totalVariation.value).toBeCloseTo(0.1, 12);
  for (const { value, low, high } of Object.values(divergence!)) {
    expect(low).toBeLessThan(value);
    expect(high).toBeGreaterThan(value);
  }
  const warm = await quantizationError("int4", tabularPolicy({ a: [...float] }), drawn, false);
  expect(warm).not.toHaveProperty("divergence");
});
