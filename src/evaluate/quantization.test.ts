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
  const measured = await quantizationError("int8", float, [drawn("a", 1, 0.4), drawn("b", 0, 0.25)]);
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
