import { describe, expect, it } from "vitest";
import { exactShare, studentQuantile, twoSidedP } from "./student.js";

describe("Student's t", () => {
  it("has the quantiles of the tables", () => {
    for (const [df, t] of [
      [1, 12.7062],
      [2, 4.30265],
      [5, 2.57058],
      [15, 2.13145],
      [63, 1.99834],
      [Infinity, 1.959964],
    ] as const)
      // prettier-ignore
      expect(studentQuantile(0.95, df)).toBeCloseTo(t, 4);
    expect(studentQuantile(0.99, 10)).toBeCloseTo(3.16927, 4);
  });
  it("has p-values that its closed forms give: Cauchy's, and two degrees of freedom", () => {
    for (const t of [0.1, 1, 3, 20]) {
      expect(twoSidedP(t, 1)).toBeCloseTo(1 - (2 / Math.PI) * Math.atan(t), 10);
      expect(twoSidedP(t, 2)).toBeCloseTo(1 - t / Math.sqrt(2 + t * t), 10);
    }
    expect(twoSidedP(0, 7)).toBe(1);
  });
});

describe("the exact interval of a share", () => {
  it("of 0 of 6 and 6 of 6 is not a point", () => {
    const limit = 1 - 0.025 ** (1 / 6);
    expect(exactShare(0, 6, 0.95)).toEqual({ low: 0, high: expect.closeTo(limit, 10) as number });
    expect(exactShare(6, 6, 0.95)).toEqual({ low: expect.closeTo(1 - limit, 10) as number, high: 1 });
  });
  it("of 81 of 263 is the published one (Newcombe 1998, Statistics in Medicine 17, table I)", () => {
    const { low, high } = exactShare(81, 263, 0.95);
    expect(low).toBeCloseTo(0.2527, 4);
    expect(high).toBeCloseTo(0.3676, 4);
  });
});
