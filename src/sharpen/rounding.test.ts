import { expect, it } from "vitest";
import type { Response } from "../policy/policy.js";
import { Rounding } from "./rounding.js";

const repeat = (values: readonly number[], times: number): number[] =>
  Array.from({ length: times }, () => values).flat();

/** 8 responses of 16 tokens: differences 0.3 and −0.1 in turn, mean 0.1 and spread 0.2. */
function measured(): Rounding {
  const rounding = new Rounding();
  const exact = repeat([-1, -2], 8);
  const rounded = repeat([-0.7, -2.1], 8);
  for (let i = 0; i < 8; i++) rounding.take(rounded, exact);
  return rounding;
}

it("knows nothing of a few tokens, and then allows for six standard deviations and the largest difference", () => {
  const rounding = new Rounding();
  for (let i = 0; i < 7; i++) rounding.take(repeat([-0.7, -2.1], 20), repeat([-1, -2], 20));
  expect(rounding.isKnown).toBe(false);
  expect(rounding.bounds(-5, 4)).toEqual({ centre: -5, margin: Infinity });
  const known = measured();
  expect(known.isKnown).toBe(true);
  const { centre, margin } = known.bounds(-10, 25);
  expect(centre).toBeCloseTo(-10 - 25 * 0.1, 12);
  expect(margin).toBeCloseTo(6 * 0.2 * 5 + 0.3, 12);
});

it("moves a response to its bounds", () => {
  const rounding = measured();
  const response: Response = {
    ...{ promptId: "p", index: 0, text: "", finish: "stop" },
    ...{ tokens: [1, 2, 3, 4], logProbs: [-1, -2, -3, -4] },
  };
  const sum = (side: -1 | 0 | 1): number => rounding.at(response, side).logProbs.reduce((a, b) => a + b, 0);
  expect(sum(0)).toBeCloseTo(-10.4, 12);
  expect(sum(1)).toBeCloseTo(-10.4 + 2.7, 12);
  expect(sum(-1)).toBeCloseTo(-10.4 - 2.7, 12);
});

it("is widened by what lies beyond it, so that this would have lain within", () => {
  const rounding = measured();
  const exact = [-1, -1, -1, -1];
  rounding.check([-1.1, -0.9, -1.2, -0.4], exact);
  expect(rounding.bounds(-4, 4).margin).toBeCloseTo(2.7, 12);
  // 5.4 above its exact value, where 0.4 is what is expected.
  rounding.check([-1, -1, -1, 4.4], exact);
  expect(rounding.bounds(-4, 4).margin).toBeCloseTo(10, 12);
});
