import { describe, expect, it } from "vitest";
import { rows } from "../../src/theory/index.js";

// The other tests run each row with one seed; here it may not fail for any of ten.
describe.each(rows.map((row) => [row.title, row] as const))("%s", (_, row) => {
  it.each(Array.from({ length: 10 }, (_unused, seed) => seed))(
    "does not fail with seed %i",
    (seed) => {
      const result = row.run({ effort: "test", seed });
      expect([...result.checks, ...result.fits].filter(({ verdict }) => verdict === "fails")).toEqual([]);
    },
    120_000,
  );
});
