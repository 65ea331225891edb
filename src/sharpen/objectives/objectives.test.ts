import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { randomStream } from "../../core/random.js";
import { linearSoftmaxClass } from "../../policy/linear-softmax.js";
import { tabularClass } from "../../policy/tabular.js";
import {
  fit,
  paperAlpha,
  paperBeta,
  parameterLoss,
  rewardRegressionObjective,
  sftObjective,
  xpoObjective,
  type Cell,
  type Objective,
  type ResponsePair,
} from "./index.js";

const base = [
  [0.5, 0.3, 0.15, 0.05],
  [0.1, 0.2, 0.3, 0.4],
];
const cells: Cell[] = base.flatMap((row, prompt) => row.map((_, response) => ({ prompt, response })));

/** All pairs of each prompt, with the log-likelihood reward. */
const allPairs: ResponsePair[] = base.flatMap((row, x) =>
  row.flatMap((_, y) =>
    row.flatMap((__, z) => {
      const gap = Math.log(row[y]!) - Math.log(row[z]!);
      return y === z ? [] : [{ first: 4 * x + y, second: 4 * x + z, referenceGap: gap, rewardGap: gap }];
    }),
  ),
);

const objectives: [string, Objective][] = [
  ["sft", sftObjective([1, 0, 2, 1, 0, 3, 1, 1])],
  ["dpo", rewardRegressionObjective({ beta: 0.5, pairs: allPairs, sequences: 8 })],
  ["xpo", xpoObjective({ beta: 0.5, alpha: 0.2, pairs: allPairs, sequences: 8 })],
];

describe("hand-worked values", () => {
  const pair = { first: 0, second: 1, referenceGap: 0.4, rewardGap: 1 };
  it("SFT is the weighted mean negative log-likelihood", () => {
    const { loss, gradient } = sftObjective([1, 3]).evaluate([-2, -1]);
    expect(loss).toBeCloseTo((2 + 3) / 4, 14);
    expect([...gradient]).toEqual([-0.25, -0.75]);
    expect(() => sftObjective([0, 0])).toThrow(/positive weight/);
  });
  it("DPO squares β·(gap − reference gap) − reward gap", () => {
    const { loss, gradient } = rewardRegressionObjective({ beta: 2, pairs: [pair], sequences: 2 }).evaluate([
      -1, -3,
    ]);
    // 2·(2 − 0.4) − 1 = 2.2
    expect(loss).toBeCloseTo(2.2 ** 2, 12);
    expect(gradient[0]).toBeCloseTo(2 * 2.2 * 2, 12);
    expect(gradient[1]).toBeCloseTo(-2 * 2.2 * 2, 12);
  });
  it("XPO adds α·log π(y′), with a plus before the squared sum", () => {
    const { loss, gradient } = xpoObjective({ beta: 2, alpha: 0.5, pairs: [pair], sequences: 2 }).evaluate([
      -1, -3,
    ]);
    expect(loss).toBeCloseTo(2.2 ** 2 - 1.5, 12);
    expect(gradient[1]).toBeCloseTo(-8.8 + 0.5, 12);
  });
  it("a pair's weight is its multiplicity", () => {
    const other = { first: 1, second: 0, referenceGap: 0, rewardGap: -1 };
    const twice = rewardRegressionObjective({ beta: 1, pairs: [pair, pair, other], sequences: 2 }).evaluate([
      -1, -3,
    ]);
    const counted = rewardRegressionObjective({
      beta: 1,
      pairs: [{ ...pair, weight: 2 }, other],
      sequences: 2,
    });
    expect(counted.evaluate([-1, -3]).loss).toBeCloseTo(twice.loss, 12);
  });
  it("refuses β ≤ 0, α < 0, no pairs, and pairs of no sequence", () => {
    expect(() => rewardRegressionObjective({ beta: 0, pairs: [pair], sequences: 2 })).toThrow(/β/);
    expect(() => xpoObjective({ beta: 1, alpha: -1, pairs: [pair], sequences: 2 })).toThrow(/α/);
    expect(() => rewardRegressionObjective({ beta: 1, pairs: [], sequences: 2 })).toThrow(/no pairs/);
    expect(() => rewardRegressionObjective({ beta: 1, pairs: [pair], sequences: 1 })).toThrow(/of 1/);
  });
});

describe("gradients", () => {
  it.each(objectives)("%s agrees with central differences in the log-probabilities", (_, objective) => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: -6, max: -0.01, noNaN: true }), { minLength: 8, maxLength: 8 }),
        (at) => {
          const { gradient } = objective.evaluate(at);
          at.forEach((_value, i) => {
            const shifted = (h: number) => objective.evaluate(at.map((v, j) => (i === j ? v + h : v))).loss;
            expect(gradient[i]).toBeCloseTo((shifted(1e-4) - shifted(-1e-4)) / 2e-4, 6);
          });
        },
      ),
      { numRuns: 30, seed: 7 },
    );
  });

  it.each(objectives)(
    "%s agrees with central differences in θ, tabular and linear softmax",
    (_, objective) => {
      const stream = randomStream(1, "theta");
      const features = base.map(() => Float64Array.from({ length: 12 }, () => stream.normal()));
      for (const policy of [tabularClass(2, 4), linearSoftmaxClass(features, 3)]) {
        const theta = Float64Array.from({ length: policy.size }, () => stream.normal());
        const { gradient } = parameterLoss(policy, theta, objective, cells);
        for (let k = 0; k < policy.size; k++) {
          const shifted = (h: number) => {
            const moved = theta.slice();
            moved[k]! += h;
            return parameterLoss(policy, moved, objective, cells).loss;
          };
          expect(gradient[k]).toBeCloseTo((shifted(1e-5) - shifted(-1e-5)) / 2e-5, 7);
        }
      }
    },
  );
});

describe("minimizers", () => {
  it.each([0.25, 1, 4])(
    "DPO's minimizer on a tabular instance is π_base^(1+1/β)/Z to 1e-6 (β = %f)",
    (beta) => {
      const policy = tabularClass(2, 4);
      const objective = rewardRegressionObjective({ beta, pairs: allPairs, sequences: 8 });
      const found = fit(policy, new Float64Array(8), objective, cells);
      expect(found.loss).toBeLessThan(1e-14);
      base.forEach((row, x) => {
        const powers = row.map((p) => p ** (1 + 1 / beta));
        const total = powers.reduce((a, b) => a + b, 0);
        policy.logProbs(found.theta, x).forEach((value, y) => {
          expect(Math.abs(Math.exp(value) - powers[y]! / total)).toBeLessThan(1e-6);
        });
      });
    },
  );

  it("SFT's minimizer on a tabular instance is the empirical distribution", () => {
    const policy = tabularClass(2, 4);
    const found = fit(policy, new Float64Array(8), sftObjective([4, 3, 2, 1, 1, 1, 1, 1]), cells);
    const shares = [0.4, 0.3, 0.2, 0.1];
    policy.logProbs(found.theta, 0).forEach((v, y) => expect(Math.exp(v)).toBeCloseTo(shares[y]!, 6));
  });

  it("XPO with a small α stays near π*_β and moves mass off the base's responses; the printed minus diverges", () => {
    const policy = tabularClass(2, 4);
    const pairs = allPairs.map((pair) => ({ ...pair, weight: base.flat()[pair.second]! }));
    const dpo = fit(
      policy,
      new Float64Array(8),
      rewardRegressionObjective({ beta: 1, pairs, sequences: 8 }),
      cells,
    );
    const plus = fit(
      policy,
      new Float64Array(8),
      xpoObjective({ beta: 1, alpha: 0.01, pairs, sequences: 8 }),
      cells,
    );
    const mass = (theta: Float64Array) =>
      pairs.reduce((sum, pair) => {
        const { prompt, response } = cells[pair.second]!;
        return sum + pair.weight * policy.logProbs(theta, prompt)[response]!;
      }, 0);
    expect(mass(plus.theta)).toBeLessThan(mass(dpo.theta) - 1e-4);
    expect(plus.loss).toBeGreaterThan(-1);
    const minus = xpoObjective({ beta: 1, alpha: 0.01, pairs, sequences: 8, lossSign: -1 });
    const losses = [10, 100, 1000].map((scale) => {
      const theta = Float64Array.from({ length: 8 }, (_, i) => (i % 4 === 0 ? scale : 0));
      return parameterLoss(policy, theta, minus, cells).loss;
    });
    expect(losses[1]! / losses[0]!).toBeGreaterThan(50);
    expect(losses[2]).toBeLessThan(-1e5);
    const runaway = fit(policy, new Float64Array(8), minus, cells, { steps: 60 });
    expect(runaway.loss).toBeLessThan(-1e3);
  });
});

describe("the paper's parameters", () => {
  it("α and β are the formulas of Thm 4.3", () => {
    expect(paperBeta(0.5, 100, 0.1)).toBeCloseTo(0.5 / (2 * Math.log(2000)), 14);
    const alpha = paperAlpha({
      beta: 0.1,
      range: 2,
      logClassSize: Math.log(8),
      rounds: 100,
      rho: 0.05,
      sec: 5,
    });
    expect(alpha).toBeCloseTo(0.05 * Math.sqrt(Math.log((2 * 8 * 100) / 0.05) / 500), 14);
  });
});
