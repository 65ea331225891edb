import { expect, it } from "vitest";
import { roundTicks } from "./numbers.js";

it("puts ticks at round values within the ends, about as many as asked for", () => {
  expect(roundTicks(0, 18, 6)).toEqual([0, 5, 10, 15]);
  expect(roundTicks(-10.1, 0, 5)).toEqual([-10, -5, 0]);
  expect(roundTicks(0.21, 0.64, 5)).toEqual([0.3, 0.4, 0.5, 0.6]);
  expect(roundTicks(0, 0.3, 3)).toEqual([0, 0.1, 0.2, 0.3]);
  expect(roundTicks(3, 3, 5)).toEqual([3]);
});
