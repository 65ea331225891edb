import { expect, it } from "vitest";
import { memorized, memorizedFinding } from "./memorized.js";

it("is the difference of means with the standard error of two samples", () => {
  // Means −2 and −5; variances of the means 1/3 (−1, −2, −3) and 1 (−4, −6).
  const found = memorized([-1, -2, -3], [-4, -6]).memorized!;
  expect(found.difference).toBeCloseTo(3, 12);
  expect(found.error).toBeCloseTo(Math.sqrt(1 / 3 + 1), 12);
  expect(memorized([-1], [-4, -6])).toEqual({});
  expect(memorized([-1, -2], [])).toEqual({});
});

it("is told where it is clear and large, and not otherwise", () => {
  const told = (difference: number, error: number): number =>
    memorizedFinding("the sft adapter", { memorized: { difference, error } }).length;
  expect(told(1.5, 0.2)).toBe(1);
  expect(told(1.5, 0.6)).toBe(0);
  expect(told(0.2, 0.01)).toBe(0);
  expect(told(-1.5, 0.1)).toBe(0);
  expect(memorizedFinding("the sft adapter", {})).toEqual([]);
  expect(memorizedFinding("the sft adapter", { memorized: { difference: 1.5, error: 0.2 } })[0]).toMatch(
    /^What the sft adapter learned is likelier .* by 1\.50 nats \(standard error 0\.20\)/,
  );
});
