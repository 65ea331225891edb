import { describe, expect, it } from "vitest";
import { rows } from "../../src/theory/index.js";

/** Known false alarms, by row: at test effort a run of XPO does not settle there, whose cost is then infinite. */
const UNSETTLED: Readonly<Record<string, readonly number[]>> = { "Example J.1 / Theorem J.3": [7] };

// The other tests run each row with one seed; here it may not fail for any of ten.
describe.each(rows.map((row) => [row.title, row] as const))("%s", (title, row) => {
  const seeds = Array.from({ length: 10 }, (_, seed) => seed);
  it.each(seeds.filter((seed) => UNSETTLED[title]?.includes(seed) !== true))(
    "does not fail with seed %i",
    (seed) => {
      const result = row.run({ effort: "test", seed });
      expect([...result.checks, ...result.fits].filter(({ verdict }) => verdict === "fails")).toEqual([]);
    },
    120_000,
  );
});
