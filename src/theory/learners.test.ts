import { describe, expect, it } from "vitest";
import { randomStream } from "../core/random.js";
import { explicitLowerBound, hittingCost, posteriorLearner } from "./hard-family.js";
import { hardFamily, hardInstance, hardOther, hardTop } from "./instance.js";
import { ballQuadratic, spherePacking, symmetricEigen } from "./linear-xpo.js";
import { maximumCuts, oddConnectedGraphs, randomOddGraph } from "./max-cut.js";
import { adaptiveOracle } from "./oracle.js";
import { exactSec, finiteSecBound, greedySec, secTable } from "./sec.js";
import { adaptiveSftConstant, maximumLikelihood, sftConstant, sftFailureBound } from "./sft.js";
import { leastN } from "./sft-costs.js";

describe("the posterior learner", () => {
  it("answers with a mode of the posterior that Bayes' rule gives by brute force", () => {
    const family = { hardPrompts: 1, choices: 6, hardMass: 0.5, epsilon: 1 / 32 };
    const stream = randomStream(1, "posterior");
    for (let trial = 0; trial < 200; trial++) {
      const secret = 1 + stream.integer(6);
      const oracle = adaptiveOracle(hardInstance(family, [secret]), stream);
      const learner = posteriorLearner(family, stream);
      const likelihood = new Array<number>(7).fill(1);
      likelihood[0] = 0;
      for (let k = 0; k < 1 + stream.integer(6); k++) {
        const drawn = oracle.draw(1);
        learner.observe(1, [drawn]);
        for (let j = 1; j <= 6; j++) {
          const p = drawn.response === j ? hardTop(family) : hardOther(family);
          // The learner also sees π_base(y|x): a hypothesis that disagrees with it is out.
          likelihood[j]! *= Math.abs(Math.log(p) - drawn.logProb) < 1e-9 ? p : 0;
        }
      }
      const most = Math.max(...likelihood);
      expect(likelihood[learner.answer(1)]! / most).toBeCloseTo(1, 9);
      expect(learner.knows(1)).toBe(likelihood.filter((value) => value > 0).length === 1);
    }
  });
  it("needs about ln 16·dM/(2Δ) draws when d is large, and at least the explicit bound", () => {
    const family = hardFamily(256, 1 / 32, 8);
    const stream = randomStream(2, "posterior");
    const options = { family, responsesPerPrompt: 1, cap: 1e9 };
    const costs = Array.from({ length: 12 }, () => hittingCost(options, stream)).sort((a, b) => a - b);
    const expected = (Math.log(16) * 256 * family.choices) / (2 * family.hardMass);
    expect(costs[6]! / expected).toBeGreaterThan(0.85);
    expect(costs[6]! / expected).toBeLessThan(1.15);
    expect(costs[0]!).toBeGreaterThan(explicitLowerBound(family, false));
  });
});

describe("SFT's pieces", () => {
  it("maximum likelihood takes the likeliest candidate, the first where nothing was seen", () => {
    const near = Float64Array.of(0.9, 0.1);
    const far = Float64Array.of(0.4, 0.6);
    const product = { candidates: [[far, near], [far, near]], logSize: 0 }; // prettier-ignore
    const kept = new Map([[0, new Map([[0, 8], [1, 2]])]]); // prettier-ignore
    expect(maximumLikelihood(product, kept)).toEqual([near, far]);
  });
  it("constants and N are what the docs say", () => {
    expect(sftConstant).toBeCloseTo(2 / (Math.SQRT2 - 1) ** 2, 12);
    expect(adaptiveSftConstant).toBeCloseTo(2 / (1 - Math.SQRT1_2) ** 2, 12);
    const bound = sftFailureBound({ logClassOverRho: 10, delta: 0.1, n: 1e4, coverage: 3, nStar: 60 });
    expect(bound).toBeCloseTo((sftConstant * 10) / 1000 + 0.05, 12);
    expect(leastN(0.25, 0.9)).toBe(9);
  });
});

describe("SEC", () => {
  const policies = [
    Float64Array.of(0.8, 0.1, 0.1),
    Float64Array.of(0.1, 0.8, 0.1),
    Float64Array.of(0.2, 0.2, 0.6),
  ];
  const potentials = [Float64Array.of(1, 0, -1), Float64Array.of(0, 2, 0), Float64Array.of(-1, 0.5, 1.5)];
  const base = Float64Array.of(0.5, 0.3, 0.2);
  const table = secTable(policies, potentials, base);
  it("its moments are the definition's", () => {
    let first = 0;
    let second = 0;
    for (let y = 0; y < 3; y++)
      for (let z = 0; z < 3; z++) {
        const delta = potentials[1]![y]! - potentials[1]![z]!;
        first += policies[1]![y]! * base[z]! * delta;
        second += policies[2]![y]! * base[z]! * delta ** 2;
      }
    expect(table.gains[1]).toBeCloseTo(first ** 2, 12);
    expect(table.moments[1]![2]).toBeCloseTo(second, 12);
  });
  it("dynamic programming equals the enumeration of all sequences; greedy is below, the bound above", () => {
    const lambda = 9;
    let best = 0;
    for (let code = 0; code < 3 ** 5; code++) {
      const past = [0, 0, 0];
      let total = 0;
      for (let t = 0, rest = code; t < 5; t++, rest = Math.floor(rest / 3)) {
        const k = rest % 3;
        total += table.gains[k]! / Math.max(lambda, past[k]!);
        past.forEach((_, j) => (past[j]! += table.moments[j]![k]!));
      }
      best = Math.max(best, total);
    }
    expect(exactSec(table, 5, lambda)).toBeCloseTo(best, 12);
    expect(greedySec(table, 5, lambda)).toBeLessThanOrEqual(best + 1e-12);
    expect(best).toBeLessThanOrEqual(finiteSecBound(3, 5));
  });
});

describe("linear algebra of Example J.1", () => {
  const stream = randomStream(7, "algebra");
  it("eigenpairs rebuild the matrix; the ball's minimizer beats every feasible point tried", () => {
    const d = 5;
    const factor = Float64Array.from({ length: 3 * d }, () => stream.normal());
    const a = Float64Array.from({ length: d * d }, (_, at) => {
      let sum = 0;
      for (let r = 0; r < 3; r++) sum += factor[r * d + Math.floor(at / d)]! * factor[r * d + (at % d)]!;
      return sum;
    });
    const eigen = symmetricEigen(a, d);
    for (let i = 0; i < d; i++)
      for (let j = 0; j < d; j++) {
        let sum = 0;
        for (let k = 0; k < d; k++)
          sum += eigen.values[k]! * eigen.vectors[i * d + k]! * eigen.vectors[j * d + k]!;
        expect(sum).toBeCloseTo(a[i * d + j]!, 9);
      }
    const c = Float64Array.from({ length: d }, () => 3 * stream.normal());
    const value = (u: Float64Array): number => {
      let sum = 0;
      for (let i = 0; i < d; i++) {
        sum -= 2 * c[i]! * u[i]!;
        for (let j = 0; j < d; j++) sum += u[i]! * a[i * d + j]! * u[j]!;
      }
      return sum;
    };
    const best = ballQuadratic(eigen, c);
    expect(Math.hypot(...best)).toBeLessThanOrEqual(1 + 1e-9);
    for (let i = 0; i < 2000; i++) {
      const move = best.map((v: number) => v + 0.3 * stream.next() * stream.normal());
      const norm = Math.max(1, Math.hypot(...move));
      expect(value(move.map((v: number) => v / norm))).toBeGreaterThanOrEqual(value(best) - 1e-9);
    }
  });
  it("a packing has unit vectors at the distance asked for", () => {
    const points = spherePacking(4, 16, 0.5, stream);
    for (let i = 0; i < 16; i++)
      for (let j = 0; j <= i; j++) {
        const gap = Math.hypot(...[0, 1, 2, 3].map((k) => points[4 * i + k]! - points[4 * j + k]!));
        if (i !== j) expect(gap).toBeGreaterThanOrEqual(0.5 - 1e-9);
      }
    expect(Math.hypot(...points.slice(0, 4))).toBeCloseTo(1, 12);
  });
});

describe("graphs", () => {
  it("counts connected graphs with an odd number of edges, labelled and up to isomorphism", () => {
    expect([2, 3, 4, 5].map((n) => oddConnectedGraphs(n, false).length)).toEqual([1, 1, 3, 10]);
    // Four vertices: 12 paths, 4 stars, 6 complete graphs less an edge.
    expect(oddConnectedGraphs(4, true)).toHaveLength(22);
  });
  it("cuts a five-cycle in four of its edges, in ten ways", () => {
    const cycle = { vertices: 5, edges: [[0, 1], [1, 2], [2, 3], [3, 4], [0, 4]] as const }; // prettier-ignore
    const { value, sides } = maximumCuts(cycle);
    expect(value).toBe(4);
    expect(sides.size).toBe(10);
    expect(randomOddGraph(9, 0.4, randomStream(1, "graph")).edges.length % 2).toBe(1);
  });
});
