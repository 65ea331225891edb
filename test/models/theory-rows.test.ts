import { describe, expect, it } from "vitest";
import { rows } from "../../src/theory/index.js";

// What turns each row red is tried in theory-mutations.test.ts.
describe.each(rows.map((row) => [row.title, row] as const))("%s", (_, row) => {
  it("does not fail", () => {
    const result = row.run({ effort: "test", seed: 1 });
    expect([...result.checks, ...result.fits].filter(({ verdict }) => verdict === "fails")).toEqual([]);
    expect(result.checks.some(({ verdict }) => verdict === "holds")).toBe(true);
    expect(result.figure.series.every(({ points }) => points.length > 0)).toBe(true);
  }, 120_000);
});
