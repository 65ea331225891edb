import { describe, expect, it } from "vitest";
import { rows } from "./index.js";

describe.each(rows.map((row) => [row.title, row] as const))("%s", (_, row) => {
  it("does not fail", () => {
    const result = row.run({ effort: "test", seed: 1 });
    expect([...result.checks, ...result.fits].filter(({ verdict }) => verdict === "fails")).toEqual([]);
    expect(result.checks.some(({ verdict }) => verdict === "holds")).toBe(true);
    expect(result.figure.series.every(({ points }) => points.length > 0)).toBe(true);
  }, 120_000);
  // The row's other mutations turn it red in test/models/theory-mutations.test.ts.
  it.each(row.mutations.slice(0, 1).map(({ id }) => id))(
    "turns red under the mutation %s",
    (mutation) => {
      expect(row.run({ effort: "test", seed: 1, mutation }).verdict).toBe("fails");
    },
    120_000,
  );
});
