import { expect, it } from "vitest";
import { binnedMedian, binsOf } from "./histogram-bins.js";

it("gives each bin its part in percent, and 0 where there is nothing", () => {
  expect(binsOf({ edges: [0, 1, 3], counts: [1, 3] })).toEqual([
    { x1: 0, x2: 1, share: 25 },
    { x1: 1, x2: 3, share: 75 },
  ]);
  expect(binsOf({ edges: [0, 1], counts: [0] })).toEqual([{ x1: 0, x2: 1, share: 0 }]);
});

it("finds a binned median", () => {
  expect(binnedMedian({ edges: [0, 1, 2, 3], counts: [1, 2, 1] })).toBeCloseTo(1.5);
  expect(binnedMedian({ edges: [0, 1, 2], counts: [0, 4] })).toBeCloseTo(1.5);
  expect(binnedMedian({ edges: [0, 1], counts: [0] })).toBeUndefined();
});
