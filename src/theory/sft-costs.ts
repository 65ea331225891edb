import type { RandomStream } from "../core/random.js";
import { explicitLowerBound } from "./hard-family.js";
import { hardFamily, hardTop, normalize, type Instance } from "./instance.js";
import { bestOfNLaw } from "./laws.js";
import { sampleOracle } from "./oracle.js";
import { targetMass } from "./quantities.js";
import { keepBest, maximumLikelihood, sftConstant, sftCost, type Kept } from "./sft.js";
import { median } from "./statistics.js";

/** Where and how often SFT-Sharpening's cost is measured. */
export interface FixedCostOptions {
  readonly epsilon: number;
  /** C_cov,γ of the hard family. */
  readonly coverage: number;
  /** π̂(y*_γ|x) has to reach this. */
  readonly target: number;
  readonly replicates: number;
  /** Fault for mutations. */
  readonly ignores?: boolean;
}

/** The least N with 1 − (1 − top)^N ≥ target. */
export function leastN(top: number, target: number): number {
  return Math.ceil(Math.log(1 - target) / Math.log1p(-top) - 1e-9);
}

/** Replicates of SFT-Sharpening's m on the hard family (d = 8) at its best N: the least that can work, 1.5 and 2.5 times it. */
export function fixedCosts(options: FixedCostOptions, stream: RandomStream): readonly number[] {
  const family = hardFamily(8, options.epsilon, options.coverage);
  const cap = options.ignores ? 1000 : 200 * explicitLowerBound(family, false) + 1000;
  const least = leastN(hardTop(family), options.target);
  const costs = [1, 1.5, 2.5].map((multiple) => {
    const rule = { n: Math.ceil(multiple * least) };
    const cost = { family, rule, target: options.target, cap, ignores: options.ignores ?? false };
    return Array.from({ length: options.replicates }, () => sftCost(cost, stream));
  });
  return costs.reduce((best, other) => (median(other) < median(best) ? other : best));
}

/** The m that Thm 4.1 prescribes for failure ≤ ε on the hard family (d = 8): half of ε to each of its terms. */
export function prescribedCost(epsilon: number, coverage: number, delta: number, rho: number): number {
  const { choices } = hardFamily(8, epsilon, coverage);
  const n = Math.ceil((2 * sftConstant * (8 * Math.log(choices) + Math.log(1 / rho))) / (delta * epsilon));
  return n * Math.ceil(((2 * coverage) / epsilon) * Math.log(2 / delta));
}

/**
 * m/log(2/δ) on a family where 1/δ is needed: eight equally likely prompts, π(y*) = 1/4, N the least that makes
 * π_BoN(y*) ≥ 1 − δ/2, and for each prompt a class of two, π_BoN and a member that has 1 − 3δ on y*. They differ by about δ
 * in squared Hellinger distance, so telling them apart takes about 1/δ kept responses. The cost is the last budget (on a
 * grid of 10 % steps, up to 60 visits·1/δ a prompt) at which some prompt still had π̂(y*) < 1 − 2δ.
 */
export function slowClassCost(delta: number, stream: RandomStream, ignores = false): number {
  const row = normalize([2, 1, 1, 1, 1, 1, 1]);
  const instance: Instance = {
    weights: new Float64Array(8).fill(1 / 8),
    base: Array.from({ length: 8 }, () => row),
  };
  const n = leastN(row[0]!, 1 - delta / 2);
  const close = new Float64Array(7).fill(delta / 2);
  close[0] = 1 - 3 * delta;
  const law = bestOfNLaw(row, n);
  const product = {
    candidates: instance.base.map(() => stream.shuffle([law, close])),
    logSize: 8 * Math.LN2,
  };
  const oracle = sampleOracle(instance, n, stream);
  const kept: Kept = new Map();
  let last = 1;
  while (oracle.spent().prompts < (8 * 60) / delta) {
    keepBest(oracle, Math.max(1, Math.round(0.1 * oracle.spent().prompts)), kept);
    const learned = maximumLikelihood(product, ignores ? (new Map() as Kept) : kept);
    if (learned.some((policy) => targetMass(policy, row) < 1 - 2 * delta)) last = oracle.spent().draws;
  }
  return last / Math.log(2 / delta);
}
