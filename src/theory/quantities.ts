import type { Instance, Rows } from "./instance.js";

/** Two probabilities closer than this (relative) count as tied: y*(x) is a set (paper eq. 2). */
const TIE = 1e-12;

const max = (row: Float64Array): number => row.reduce((a, b) => Math.max(a, b), 0);

/** y*_γ(x) = {y : π(y|x) ≥ (1−γ)·max π} (paper §4); γ = 0 is y*(x), ties included. */
export function nearArgmax(row: Float64Array, gamma = 0): number[] {
  const least = (1 - gamma) * max(row) * (1 - TIE);
  const members: number[] = [];
  row.forEach((p, y) => {
    if (p >= least) members.push(y);
  });
  return members;
}

/** π̂(y*_γ(x)|x): the mass that `row` puts on the near-argmax of `base`. */
export function targetMass(row: Float64Array, base: Float64Array, gamma = 0): number {
  return nearArgmax(base, gamma).reduce((sum, y) => sum + row[y]!, 0);
}

/** P_{x~μ}[π̂(y*_γ(x)|x) < 1−δ]: π̂ is (ε, δ, γ)-sharpened (Def. 3.1, F.1) exactly when this is ≤ ε. */
export function unsharpenedMass(instance: Instance, policy: Rows, delta: number, gamma = 0): number {
  let mass = 0;
  instance.weights.forEach((weight, x) => {
    if (targetMass(policy[x]!, instance.base[x]!, gamma) < 1 - delta - 1e-12) mass += weight;
  });
  return mass;
}

/** Def. 3.1 / F.1. */
export interface Sharpness {
  readonly epsilon: number;
  readonly delta: number;
  readonly gamma?: number;
}

/** Whether π̂ is (ε, δ, γ)-sharpened; γ = 0 by default. */
export function isSharpened(
  instance: Instance,
  policy: Rows,
  { epsilon, delta, gamma = 0 }: Sharpness,
): boolean {
  return unsharpenedMass(instance, policy, delta, gamma) <= epsilon + 1e-12;
}

/** E_{x~μ} of a function of the prompt. */
export function overPrompts(instance: Instance, value: (x: number, base: Float64Array) => number): number {
  let sum = 0;
  instance.weights.forEach((weight, x) => (sum += weight * value(x, instance.base[x]!)));
  return sum;
}

/** C_cov,γ,p = (E_x[π(y*_γ(x)|x)^{−p}])^{1/p} (paper eq. 6, §4); γ = 0 and p = 1 give C_cov. */
export function coverageCoefficient(instance: Instance, gamma = 0, p = 1): number {
  return overPrompts(instance, (_, base) => targetMass(base, base, gamma) ** -p) ** (1 / p);
}

/** C̄_cov = E_x[1/max_y π(y|x)], the adaptive coverage coefficient (App. D). */
export function adaptiveCoverage(instance: Instance): number {
  return overPrompts(instance, (_, base) => 1 / max(base));
}

/** C_π = E_x E_{y~π}[π(y|x)/π_base(y|x)] (paper eq. 9). */
export function concentrability(instance: Instance, policy: Rows): number {
  return ratioMoment(instance, policy, policy, instance.base, 1);
}

/** E_x E_{y~under}[(numerator/denominator)^power]; 0/0 counts as 0. */
export function ratioMoment(
  instance: Instance,
  under: Rows,
  numerator: Rows,
  denominator: Rows,
  power: number,
): number {
  return overPrompts(instance, (x) => {
    let sum = 0;
    under[x]!.forEach((p, y) => {
      if (p > 0) sum += p * (numerator[x]![y]! / denominator[x]![y]!) ** power;
    });
    return sum;
  });
}

/** The largest γ_margin of Asm. 4.2: min over x of max π / (second-largest outside y*) − 1; ∞ when nothing is outside. */
export function margin(instance: Instance): number {
  let least = Infinity;
  for (const base of instance.base) {
    const inside = new Set(nearArgmax(base));
    base.forEach((p, y) => {
      if (!inside.has(y) && p > 0) least = Math.min(least, max(base) / p - 1);
    });
  }
  return least;
}

/** A reward for each prompt and response. */
export type RewardRows = Rows;

/** r_self = log π_base(y|x) (paper eq. 2); −∞ where the base has no mass. */
export function logLikelihoodReward(instance: Instance): RewardRows {
  return instance.base.map((row) => row.map(Math.log));
}

/** π*_β ∝ π_base·exp(r/β) (paper §2.2); computed in the log domain. Zero where the base is zero. */
export function sharpenedOptimum(instance: Instance, rewards: RewardRows, beta: number): Rows {
  return instance.base.map((base, x) => {
    const logits = base.map((p, y) => (p > 0 ? Math.log(p) + rewards[x]![y]! / beta : -Infinity));
    const top = logits.reduce((a, b) => Math.max(a, b), -Infinity);
    const weights = logits.map((value) => Math.exp(value - top));
    const total = weights.reduce((a, b) => a + b, 0);
    return weights.map((value) => value / total);
  });
}

/** J_β(π) = E_π[r] − β·KL(π‖π_base) (paper eq. 3), averaged over prompts. */
export function regularizedReturn(
  instance: Instance,
  policy: Rows,
  rewards: RewardRows,
  beta: number,
): number {
  return overPrompts(instance, (x, base) => {
    let sum = 0;
    policy[x]!.forEach((p, y) => {
      if (p > 0) sum += p * (rewards[x]![y]! - beta * Math.log(p / base[y]!));
    });
    return sum;
  });
}
