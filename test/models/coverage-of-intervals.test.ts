import { expect, it } from "vitest";
import {
  atLeast93,
  kinds,
  simulatedCoverage,
  simulatedSeedCoverage,
  SIZES,
} from "../../src/evaluate/coverage-of-intervals.test-helper.js";

const TRIALS = 4000;

it.each(Object.keys(kinds))(
  "the interval of %s holds the truth 93 times in 100",
  { timeout: 600_000 },
  (kind) => {
    const shares = SIZES.map((prompts) => simulatedCoverage(kind, prompts, TRIALS));
    console.log(
      `${kind}: ${SIZES.map((n, i) => `n = ${n} ${(100 * shares[i]!.share).toFixed(1)} %`).join(", ")}`,
    );
    for (const { share, measured } of shares) expect(share).toBeGreaterThan(atLeast93(measured));
  },
);

it("the interval over a few training seeds holds what prompts and seeds bring", { timeout: 600_000 }, () => {
  for (const seeds of [2, 3, 5])
    for (const spread of [0, 0.3, 1]) {
      const share = simulatedSeedCoverage(seeds, spread, TRIALS);
      console.log(`${seeds} seeds that differ by ${spread}: ${(100 * share).toFixed(1)} %`);
      expect(share).toBeGreaterThan(atLeast93(TRIALS));
    }
});
