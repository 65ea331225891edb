import { describe, expect, it } from "vitest";
import { randomStream } from "../core/random.js";
import { compare, judgeFit, worstVerdict } from "./row.js";
import { fitSlope } from "./statistics.js";

/** Replicates of 5·x^power with noise of `spread` in the logarithm. */
function law(power: number, spread: number, seed: number, replicates = 14) {
  const stream = randomStream(seed, "verdicts");
  const points = [1, 3, 10, 30].map((x) => ({
    x,
    values: Array.from({ length: replicates }, () => 5 * x ** power * Math.exp(spread * stream.normal())),
  }));
  return fitSlope(points, stream, { resamples: 100 });
}

describe("the verdict on a rate", () => {
  it("holds at the theorem's exponent, and fails for a law one power steeper or flatter", () => {
    expect(judgeFit("m", law(2, 0.3, 1), 2, 0.15).verdict).toBe("holds");
    expect(judgeFit("m", law(3, 0.3, 1), 2, 0.15).verdict).toBe("fails");
    expect(judgeFit("m", law(1, 0.3, 1), 2, 0.15).verdict).toBe("fails");
    expect(judgeFit("m", law(1, 0.3, 1), 1, 0.15, "at most").verdict).toBe("holds");
    expect(judgeFit("m", law(2, 0.3, 1), 1, 0.15, "at most").verdict).toBe("fails");
  });
  it("is not refuted where an upper bound is so far away that one power more would pass, or the noise hides it", () => {
    expect(judgeFit("m", law(0.05, 0.3, 1), 2, 0.15, "at most").verdict).toBe("not refuted");
    expect(judgeFit("m", law(2, 3, 1), 2, 0.15).verdict).toBe("not refuted");
  });
  it("fails where runs do not end: all of them, or so many that a resample has no median", () => {
    const stream = randomStream(1, "verdicts");
    const at = (x: number, ends: number) => ({
      x,
      values: [1, 2, 3, 4, 5].map((i) => (i > ends ? Infinity : x)),
    });
    for (const ends of [0, 3]) {
      const fit = fitSlope([at(1, ends), at(10, ends)], stream);
      expect(fit.error).toBe(Infinity);
      expect(judgeFit("m", fit, 2, 0.15, "at most").verdict).toBe("fails");
    }
  });
  it("does not fail by chance on 300 small samples", () => {
    let failed = 0;
    for (let seed = 0; seed < 300; seed++) {
      if (judgeFit("m", law(2, 0.5, seed), 2, 0.05).verdict === "fails") failed++;
    }
    expect(failed).toBe(0);
  });
});

describe("the verdict on a comparison", () => {
  it("is not refuted where the worst that could be measured passes too", () => {
    expect(compare("c", 0.5, "<=", 1, "").verdict).toBe("holds");
    expect(compare("c", 0.5, "<=", 1, "", 2).verdict).toBe("holds");
    expect(compare("c", 0.5, "<=", 1, "", 0.9).verdict).toBe("not refuted");
    expect(compare("c", 1.5, "<=", 1, "", 2).verdict).toBe("fails");
    expect(compare("c", 1.5, ">=", 1, "", 1.2).verdict).toBe("not refuted");
    expect(compare("c", NaN, "<=", 1, "").verdict).toBe("fails");
  });
  it("a row is as good as its worst part, and fails without any", () => {
    expect(worstVerdict(["holds", "not refuted"])).toBe("not refuted");
    expect(worstVerdict(["not refuted", "fails", "holds"])).toBe("fails");
    expect(worstVerdict(["holds"])).toBe("holds");
    expect(worstVerdict([])).toBe("fails");
  });
});
