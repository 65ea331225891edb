import type { RandomStream } from "../core/random.js";
import { explicitLowerBound } from "./hard-family.js";
import { hardFamily, hardTop, normalize, type Instance } from "./instance.js";
import { adaptiveLaw, bestOfNLaw } from "./laws.js";
import { adaptiveOracle, sampleOracle } from "./oracle.js";
import { targetMass } from "./quantities.js";
import { keepAdaptive, keepBest, maximumLikelihood, sftConstant, sftCost, type Kept } from "./sft.js";
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

/** SFT-Sharpening on the family where 1/δ is needed. */
export interface SlowClassOptions {
  readonly delta: number;
  /** Adaptive best-of-N with μ = ln(2/δ) in place of a fixed N. */
  readonly adaptive?: boolean;
  /** Fault for mutations. */
  readonly ignores?: boolean;
}

/**
 * m over its log factor on a family where 1/δ is needed: eight equally likely prompts, and for each a class of two, the law of
 * what is kept, which has about 1 − δ/2 on y*, and a member that just fails. They differ by about δ in squared Hellinger
 * distance, so telling them apart takes about 1/δ kept responses. The cost is the last budget (on a grid of 10 % steps, up to
 * 30/δ kept responses a prompt) at which some prompt had learned the wrong one.
 * - Fixed: π(y*) = 1/4, N the least that works, the other member has 1 − 3δ on y*, failure is π̂(y*) < 1 − 2δ, and the factor
 *   is log(2/δ).
 * - Adaptive: y* leads 63 others by 0.1 %, so that the rule misses it as often as Lemma I.1 allows; the other member has
 *   1 − 2δ, failure is π̂(y*) < 1 − δ, and the factor is log(2/δ) + 1.
 */
export function slowClassCost(options: SlowClassOptions, stream: RandomStream): number {
  const { delta, adaptive = false, ignores = false } = options;
  const row = normalize(adaptive ? [1.001, ...new Array<number>(63).fill(1)] : [2, 1, 1, 1, 1, 1, 1]);
  const instance: Instance = {
    weights: new Float64Array(8).fill(1 / 8),
    base: Array.from({ length: 8 }, () => row),
  };
  const mu = Math.log(2 / delta);
  const n = leastN(row[0]!, 1 - delta / 2);
  const slack = adaptive ? 1 : 2;
  const close = new Float64Array(row.length).fill(((slack + 1) * delta) / (row.length - 1));
  close[0] = 1 - (slack + 1) * delta;
  const law = adaptive ? adaptiveLaw(row, mu).law : bestOfNLaw(row, n);
  const product = {
    candidates: instance.base.map(() => stream.shuffle([law, close])),
    logSize: 8 * Math.LN2,
  };
  const fixed = sampleOracle(instance, n, stream);
  const onTheFly = adaptiveOracle(instance, stream);
  const oracle = adaptive ? onTheFly : fixed;
  const kept: Kept = new Map();
  let last = 1;
  while (oracle.spent().prompts < (8 * 30) / delta) {
    const more = Math.max(1, Math.round(0.1 * oracle.spent().prompts));
    if (adaptive) keepAdaptive(onTheFly, more, mu, kept);
    else keepBest(fixed, more, kept);
    const learned = maximumLikelihood(product, ignores ? (new Map() as Kept) : kept);
    if (learned.some((policy) => targetMass(policy, row) < 1 - slack * delta)) last = oracle.spent().draws;
  }
  return last / (mu + (adaptive ? 1 : 0));
}
