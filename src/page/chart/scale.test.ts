import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { apart, domainAround, scaleOf } from "./scale.js";

describe("apart", () => {
  it("leaves room between labels, keeps their order and stays inside where they fit", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 300, noNaN: true }), { maxLength: 8 }), (wanted) => {
        const placed = apart(wanted, 14, 0, 300);
        const order = wanted.map((_, i) => i).sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0) || a - b);
        order.forEach((at, k) => {
          expect(placed[at]).toBeGreaterThanOrEqual(-1e-9);
          expect(placed[at]).toBeLessThanOrEqual(300 + 1e-9);
          if (k > 0)
            expect((placed[at] ?? 0) - (placed[order[k - 1] ?? 0] ?? 0)).toBeGreaterThanOrEqual(14 - 1e-9);
        });
      }),
    );
  });

  it("does not move labels that do not touch", () => {
    expect(apart([10, 60, 200], 14, 0, 300)).toEqual([10, 60, 200]);
    expect(apart([50, 52], 14, 0, 300)).toEqual([50, 64]);
  });
});

it("scales linearly, and by the logarithm", () => {
  expect([0, 5, 10].map(scaleOf([0, 10], [100, 0]))).toEqual([100, 50, 0]);
  expect([1, 10, 100].map(scaleOf([1, 100], [0, 10], true))).toEqual([0, 5, 10]);
});

it("leaves air around what is shown, within the limits", () => {
  expect(domainAround([10, 20])).toEqual([9.2, 20.8]);
  expect(domainAround([0, 100], [0, 100])).toEqual([0, 100]);
});
