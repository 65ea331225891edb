import { describe, expect, it } from "vitest";
import {
  atLeast93,
  kinds,
  simulatedCoverage,
  simulatedSeedCoverage,
  SIZES,
} from "./coverage-of-intervals.test-helper.js";

// At small effort; test/models/coverage-of-intervals.test.ts has more than ten times the trials, and docs/log.md the shares.
describe.each(Object.keys(kinds))("the interval of %s", (kind) => {
  it.each(SIZES)("holds the truth at least 93 times in 100 on %i prompts", (prompts) => {
    const trials = prompts === 256 ? 100 : 300;
    const { share, measured } = simulatedCoverage(kind, prompts, trials);
    expect(measured).toBeGreaterThan(0.5 * trials);
    expect(share).toBeGreaterThan(atLeast93(measured));
  });
});

it.each([
  [2, 0.3],
  [2, 1],
  [3, 0.3],
  [5, 0.3],
])(
  "the interval over %i training seeds that differ by %d holds what prompts and seeds bring",
  (seeds, spread) => {
    expect(simulatedSeedCoverage(seeds, spread, 300)).toBeGreaterThan(atLeast93(300));
  },
);
