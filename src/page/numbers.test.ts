import { expect, it } from "vitest";
import { logTicks, roundTicks } from "./numbers.js";

it("puts ticks at round values within the ends, about as many as asked for", () => {
  expect(roundTicks(0, 18, 6)).toEqual([0, 5, 10, 15]);
  expect(roundTicks(-10.1, 0, 5)).toEqual([-10, -5, 0]);
  expect(roundTicks(0.21, 0.64, 5)).toEqual([0.3, 0.4, 0.5, 0.6]);
  expect(roundTicks(0, 0.3, 3)).toEqual([0, 0.1, 0.2, 0.3]);
  expect(roundTicks(3, 3, 5)).toEqual([3]);
});

it("puts ticks of a logarithmic axis at powers of ten, or where there are few at 1, 2 and 5 of them", () => {
  expect(logTicks(0.9, 1200)).toEqual([1, 10, 100, 1000]);
  expect(logTicks(3, 60)).toEqual([5, 10, 20, 50]);
  expect(logTicks(1e-7, 1e7)).toEqual([1e-7, 1e-4, 0.1, 100, 1e5]);
});
