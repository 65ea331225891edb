import { describe, expect, it } from "vitest";
import { randomStream } from "../core/random.js";
import { binomial, categorical, multinomial } from "./draws.js";
import {
  hardFamily,
  hardInstance,
  hardTop,
  randomInstance,
  randomSequenceRow,
  singlePrompt,
  type Instance,
} from "./instance.js";
import { adaptiveLaw, bestOfNLaw } from "./laws.js";
import { adaptiveOracle, sampleOracle } from "./oracle.js";
import {
  adaptiveCoverage,
  concentrability,
  coverageCoefficient,
  isSharpened,
  logLikelihoodReward,
  margin,
  nearArgmax,
  ratioMoment,
  regularizedReturn,
  sharpenedOptimum,
  unsharpenedMass,
} from "./quantities.js";
import { fitSlope, leastSquares, lowerLimit, quantile } from "./statistics.js";

const two: Instance = {
  weights: Float64Array.of(0.25, 0.75),
  base: [Float64Array.of(0.5, 0.25, 0.25), Float64Array.of(0.4, 0.4, 0.2)],
};

describe("quantities, against hand-worked values", () => {
  it("y*_γ, coverage, margin", () => {
    expect(nearArgmax(two.base[0]!)).toEqual([0]);
    expect(nearArgmax(two.base[1]!)).toEqual([0, 1]);
    expect(nearArgmax(two.base[0]!, 0.5)).toEqual([0, 1, 2]);
    expect(coverageCoefficient(two)).toBeCloseTo(0.25 * 2 + 0.75 / 0.8, 14);
    expect(coverageCoefficient(two, 0.5)).toBeCloseTo(1, 14);
    expect(coverageCoefficient(two, 0, 2)).toBeCloseTo(Math.sqrt(0.25 * 4 + 0.75 / 0.64), 14);
    expect(adaptiveCoverage(two)).toBeCloseTo(0.25 * 2 + 0.75 * 2.5, 14);
    expect(margin(two)).toBeCloseTo(1, 12);
  });
  it("sharpness of a policy", () => {
    const policy = [Float64Array.of(0.8, 0.2, 0), Float64Array.of(0.5, 0.45, 0.05)];
    expect(unsharpenedMass(two, policy, 0.1)).toBe(0.25);
    expect(isSharpened(two, policy, { epsilon: 0.25, delta: 0.1 })).toBe(true);
    expect(isSharpened(two, policy, { epsilon: 0.2, delta: 0.1 })).toBe(false);
    expect(isSharpened(two, policy, { epsilon: 0, delta: 0.1, gamma: 0.5 })).toBe(true);
  });
  it("π*_β is the maximizer of J_β, its value β·E log Z; concentrability by its definition", () => {
    const rewards = logLikelihoodReward(two);
    const best = sharpenedOptimum(two, rewards, 0.5);
    const powers = [...two.base[0]!].map((p) => p ** 3);
    expect(best[0]![0]).toBeCloseTo(powers[0]! / powers.reduce((a, b) => a + b), 12);
    const value = regularizedReturn(two, best, rewards, 0.5);
    const logZ = two.base.map((row) => Math.log(row.reduce((sum, p) => sum + p ** 3, 0)));
    expect(value).toBeCloseTo(0.5 * (0.25 * logZ[0]! + 0.75 * logZ[1]!), 12);
    const stream = randomStream(1, "policies");
    for (let i = 0; i < 50; i++) {
      const other = randomInstance({ prompts: 2, responses: 3, power: 3 }, stream).base;
      expect(regularizedReturn(two, other, rewards, 0.5)).toBeLessThan(value);
    }
    expect(concentrability(two, two.base)).toBeCloseTo(1, 14);
    expect(concentrability(two, [Float64Array.of(1, 0, 0), Float64Array.of(0, 0, 1)])).toBeCloseTo(
      0.25 * 2 + 0.75 * 5,
      14,
    );
    expect(ratioMoment(two, two.base, two.base, best, 0)).toBeCloseTo(1, 14);
  });
  it("the hard family has the coverage it was asked for", () => {
    for (const p of [1, 2]) {
      const family = hardFamily(3, 1 / 640, 4, p);
      const instance = hardInstance(family, [1, 2, 3]);
      expect(coverageCoefficient(instance, 0.5, p) / 4).toBeCloseTo(1, 1);
      for (const row of instance.base) expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
      expect(nearArgmax(instance.base[2]!, 0.5)).toEqual([2]);
      expect(instance.base[2]![2]).toBe(hardTop(family));
    }
  });
});

describe("draws, in law", () => {
  const stream = randomStream(3, "draws");
  it.each([
    [20, 0.3],
    [200, 0.01],
    [5000, 0.37],
    [5000, 0.8],
  ])("Binomial(%d, %f) has its mean, variance and distribution function", (n, p) => {
    const trials = 20000;
    const values = Array.from({ length: trials }, () => binomial(n, p, stream));
    const average = values.reduce((a, b) => a + b) / trials;
    const variance = values.reduce((sum, v) => sum + (v - average) ** 2, 0) / trials;
    const sd = Math.sqrt(n * p * (1 - p));
    expect(Math.abs(average - n * p)).toBeLessThan((5 * sd) / Math.sqrt(trials));
    expect(variance / sd ** 2).toBeGreaterThan(0.94);
    expect(variance / sd ** 2).toBeLessThan(1.06);
    let cdf = 0;
    let mass = (1 - p) ** n;
    const mode = Math.floor(n * p);
    if (n <= 200) {
      for (let k = 0; k <= mode; k++) {
        cdf += mass;
        mass *= ((n - k) / (k + 1)) * (p / (1 - p));
      }
      expect(Math.abs(values.filter((v) => v <= mode).length / trials - cdf)).toBeLessThan(0.02);
    }
  });
  it("multinomial counts agree with the probabilities on both of its paths", () => {
    const table = categorical(Float64Array.of(0.5, 0, 0.2, 0.3));
    for (const k of [5, 4000]) {
      const totals = [0, 0, 0, 0];
      const repeats = 60000 / k;
      for (let i = 0; i < repeats; i++) {
        const counts = multinomial(table, k, stream);
        for (const [y, count] of counts) totals[y]! += count;
      }
      [0.5, 0, 0.2, 0.3].forEach((p, y) => expect(Math.abs(totals[y]! / 60000 - p)).toBeLessThan(0.012));
      expect(totals[1]).toBe(0);
      expect(totals.reduce((a, b) => a + b)).toBe(60000);
    }
  });
});

describe("laws of the choice, against simulation", () => {
  const row = Float64Array.of(0.1, 0.3, 0.3, 0.05, 0.25);
  const stream = randomStream(9, "laws");
  const sample = (): number => {
    let u = stream.next();
    for (let y = 0; y < 5; y++) if ((u -= row[y]!) < 0) return y;
    return 4;
  };
  it("best of N", () => {
    const law = bestOfNLaw(row, 3);
    const counts = new Float64Array(5);
    for (let i = 0; i < 40000; i++) {
      let best = sample();
      for (let k = 1; k < 3; k++) {
        const y = sample();
        if (row[y]! > row[best]!) best = y;
      }
      counts[best]! += 1 / 40000;
    }
    law.forEach((p, y) => expect(Math.abs(p - counts[y]!)).toBeLessThan(0.013));
    expect(law.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    expect([...bestOfNLaw(row, 1)]).toEqual([...row].map((p) => expect.closeTo(p, 12) as number));
  });
  it.each([0.4, 1.5, 3])("adaptive best of N, with its E[N_μ] and miss rate (μ = %f)", (mu) => {
    const exact = adaptiveLaw(row, mu);
    const counts = new Float64Array(5);
    let draws = 0;
    for (let i = 0; i < 20000; i++) {
      let best = -1;
      for (let k = 1; ; k++) {
        const y = sample();
        if (best < 0 || row[y]! > row[best]!) best = y;
        if (1 / row[best]! <= k / mu + 1e-12) {
          draws += k / 20000;
          break;
        }
      }
      counts[best]! += 1 / 20000;
    }
    exact.law.forEach((p, y) => expect(Math.abs(p - counts[y]!)).toBeLessThan(0.018));
    expect(Math.abs(draws / exact.expectedDraws - 1)).toBeLessThan(0.03);
    expect(exact.miss).toBeCloseTo(1 - exact.law[1]! - exact.law[2]!, 12);
    const oracle = adaptiveOracle(singlePrompt(row), stream);
    const skipped = new Float64Array(5);
    for (let i = 0; i < 20000; i++) skipped[oracle.untilStop(0, mu).response]! += 1 / 20000;
    exact.law.forEach((p, y) => expect(Math.abs(p - skipped[y]!)).toBeLessThan(0.018));
    expect(Math.abs(oracle.spent().draws / 20000 / exact.expectedDraws - 1)).toBeLessThan(0.03);
  });
});

describe("oracles", () => {
  it("count every draw and query and reveal only log π_base of what was drawn or asked", () => {
    const oracle = sampleOracle(two, 4, randomStream(1, "oracle"));
    const pooled = oracle.sample(10);
    expect(pooled.reduce((sum, { times }) => sum + times, 0)).toBe(10);
    expect(pooled.flatMap(({ responses }) => responses).reduce((sum, { count }) => sum + count, 0)).toBe(40);
    for (const { prompt, responses } of pooled)
      for (const { response, logProb } of responses)
        expect(Math.exp(logProb)).toBe(two.base[prompt]![response]!);
    const kept = oracle.best(3);
    expect(kept.flatMap(({ responses }) => responses).reduce((sum, { count }) => sum + count, 0)).toBe(3);
    expect(oracle.spent()).toEqual({ prompts: 13, draws: 52, queries: 0 });
    expect(() => oracle.pairs(1)).toThrow(/N = 2/);
    const query = adaptiveOracle(two, randomStream(1, "oracle"));
    query.draw(0);
    query.respond(1, 9);
    expect(query.query(1, 2)).toBe(Math.log(0.2));
    expect(query.generate(0, Float64Array.of(0, 0, 1)).response).toBe(2);
    expect(query.spent()).toEqual({ prompts: 0, draws: 11, queries: 2 });
  });
  it("pairs are independent draws; the kept response has the law of best-of-N", () => {
    const oracle = sampleOracle(two, 2, randomStream(2, "oracle"));
    const pairs = oracle.pairs(40000).filter(({ prompt }) => prompt === 1);
    const total = pairs.reduce((sum, { count }) => sum + count, 0);
    const share = (y: number, z: number) =>
      (pairs.find(({ first, second }) => first === y && second === z)?.count ?? 0) / total;
    expect(Math.abs(share(0, 2) - 0.08)).toBeLessThan(0.01);
    expect(Math.abs(share(2, 2) - 0.04)).toBeLessThan(0.01);
    const kept = oracle.best(40000).find(({ prompt }) => prompt === 0)!;
    const law = bestOfNLaw(two.base[0]!, 2);
    for (const { response, count } of kept.responses)
      expect(Math.abs(count / kept.times - law[response]!)).toBeLessThan(0.02);
    expect(oracle.spent().draws).toBe(160000);
  });
});

describe("statistics", () => {
  it("recover an exponent with an interval that covers it", () => {
    const stream = randomStream(4, "fit");
    const points = [1, 3, 10, 30, 100].map((x) => ({
      x,
      values: Array.from({ length: 60 }, () => 5 * x ** 2 * Math.exp(0.5 * stream.normal())),
    }));
    const fit = fitSlope(points, stream);
    expect(fit.low).toBeLessThan(2);
    expect(fit.high).toBeGreaterThan(2);
    expect(fit.high - fit.low).toBeLessThan(0.3);
    expect(fit.range).toBeCloseTo(2, 12);
    expect(leastSquares([0, 1, 2], [1, 3, 5])).toEqual({ slope: 2, intercept: 1 });
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
  });
  it("a lower limit holds and tightens with the number of trials", () => {
    expect(lowerLimit(0, 100, 1e-3)).toBe(0);
    const loose = lowerLimit(50, 100, 1e-3);
    const tight = lowerLimit(5000, 10000, 1e-3);
    expect(loose).toBeLessThan(0.5 - 1.5 * 0.05);
    expect(tight).toBeGreaterThan(0.5 - 5 * 0.005);
    expect(tight).toBeLessThan(0.5 - 3 * 0.005);
  });
  it("greedy is not the argmax on many random sequence rows", () => {
    const stream = randomStream(6, "rows");
    let wrong = 0;
    for (let i = 0; i < 200; i++) {
      const { row, greedy } = randomSequenceRow(3, 3, 1, stream);
      expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 12);
      if (!nearArgmax(row).includes(greedy)) wrong++;
    }
    expect(wrong).toBeGreaterThan(20);
  });
});
