import type { RandomStream } from "../core/random.js";
import { hardInstance, randomSecret, type HardFamily, type Instance, type Rows } from "./instance.js";
import { adaptiveLaw, bestOfNLaw } from "./laws.js";
import {
  adaptiveOracle,
  sampleOracle,
  type AdaptiveOracle,
  type Drawn,
  type SampleOracle,
} from "./oracle.js";

/** The responses kept for training: how often each was kept, by prompt. */
export type Kept = Map<number, Map<number, number>>;

function keep(kept: Kept, prompt: number, drawn: readonly Drawn[]): void {
  const counts = kept.get(prompt) ?? new Map<number, number>();
  kept.set(prompt, counts);
  for (const { response, count } of drawn) counts.set(response, (counts.get(response) ?? 0) + count);
}

/** SFT-Sharpening's data (paper §2.1): the most likely of N for n more prompts. */
export function keepBest(oracle: SampleOracle, n: number, kept: Kept): void {
  for (const { prompt, responses } of oracle.best(n)) keep(kept, prompt, responses);
}

/** The adaptive variant's data (App. D): for each of n more prompts draw until the rule (10) fires, keep the best. */
export function keepAdaptive(oracle: AdaptiveOracle, n: number, mu: number, kept: Kept): void {
  for (const [prompt, times] of oracle.prompts(n)) {
    for (let i = 0; i < times; i++) keep(kept, prompt, [oracle.untilStop(prompt, mu)]);
  }
}

/** A finite class Π = Π_x Π_x: for each prompt a list of candidate rows. */
export interface ProductClass {
  readonly candidates: readonly (readonly Float64Array[])[];
  /** log|Π|. */
  readonly logSize: number;
}

/**
 * A realizable class: for each prompt the law that SFT is to fit, and decoys that are the same law for permuted bases,
 * in random order.
 * @param law turns a base row into what the kept responses are distributed as.
 */
export function decoyClass(
  instance: Instance,
  law: (row: Float64Array) => Float64Array,
  perPrompt: number,
  stream: RandomStream,
): ProductClass {
  const candidates = instance.base.map((row) => {
    const decoys = Array.from({ length: perPrompt - 1 }, () =>
      law(Float64Array.from(stream.shuffle([...row]))),
    );
    return stream.shuffle([law(row), ...decoys]);
  });
  return { candidates, logSize: instance.base.length * Math.log(perPrompt) };
}

/**
 * π̂ = argmax_{π∈Π} Σ log π(y|x) over a product class: prompt by prompt, exactly. The first candidate on ties, and where
 * nothing was seen (the class is in random order).
 */
export function maximumLikelihood({ candidates }: ProductClass, kept: Kept): Rows {
  return candidates.map((rows, x) => {
    const counts = [...(kept.get(x) ?? [])];
    let best = rows[0]!;
    let bestValue = -Infinity;
    for (const row of rows) {
      const value = counts.reduce((sum, [y, count]) => sum + count * Math.log(row[y]!), 0);
      if (value > bestValue) {
        best = row;
        bestValue = value;
      }
    }
    return best;
  });
}

/** How SFT-Sharpening is run on the hard family. */
export interface SftCostOptions {
  readonly family: HardFamily;
  /** Fixed N; or μ for the adaptive rule. */
  readonly rule: { readonly n: number } | { readonly mu: number };
  /** π̂(y*_γ|x) has to reach this. */
  readonly target: number;
  /** Gives up (∞) beyond this many draws. */
  readonly cap: number;
  /** Fault for mutations: nothing is kept. */
  readonly ignores?: boolean;
}

/**
 * Draws until the learned policy is (ε, 1 − target, 1/2)-sharpened (first budget on a grid of 5 % steps), on a random
 * member of the hard family with the class {π^I's law of the kept response : I ∈ [M]^d}. On x_i that law has mass s
 * on y_{j_i} and (1−s)/(M−1) on the others with s > 1/M, so maximum likelihood picks the most frequent response.
 */
export function sftCost(options: SftCostOptions, stream: RandomStream): number {
  const { family, rule, target, cap } = options;
  const secret = randomSecret(family, stream);
  const instance = hardInstance(family, secret);
  const kept: Kept = new Map();
  const first = instance.base[1]!;
  const law = "n" in rule ? bestOfNLaw(first, rule.n) : adaptiveLaw(first, rule.mu).law;
  if (law[secret[0]!]! < target) return Infinity;
  const fixed = "n" in rule ? sampleOracle(instance, rule.n, stream) : undefined;
  const adaptive = adaptiveOracle(instance, stream);
  const spent = () => (fixed ?? adaptive).spent();
  const wrong = (): number =>
    secret.filter((answer, i) => mostFrequent(options.ignores ? undefined : kept.get(i + 1)) !== answer)
      .length;
  const allowed = Math.floor((family.hardPrompts * family.epsilon) / family.hardMass + 1e-9);
  while (wrong() > allowed) {
    if (spent().draws > cap) return Infinity;
    const more = Math.max(1, Math.round(0.05 * spent().prompts));
    if (fixed !== undefined) keepBest(fixed, more, kept);
    else keepAdaptive(adaptive, more, (rule as { mu: number }).mu, kept);
  }
  return Math.max(1, spent().draws);
}

function mostFrequent(counts: Map<number, number> | undefined): number {
  let best = -1;
  let most = 0;
  for (const [y, count] of counts ?? []) {
    if (count > most) {
      best = y;
      most = count;
    }
  }
  return best;
}

/** 2(1+√2)²: the constant before log(|Π|/ρ)/(δn) in Thm 4.1 (see `sftFailureBound`). */
export const sftConstant = 2 * (1 + Math.SQRT2) ** 2;

/** 2(2+√2)²: the same for Thm D.1. */
export const adaptiveSftConstant = 2 * (2 + Math.SQRT2) ** 2;

/**
 * Thm 4.1/4.1′ with its constants: with probability ≥ 1−ρ, P_x[π̂(y*_γ|x) ≤ 1−2δ] ≤ 2(1+√2)²·log(|Π|/ρ)/(δn) +
 * C_cov,γ/N* with N = N*·log(2/δ). Maximum likelihood has E_x[D_H²(π̂, π_BoN)] ≤ 2·log(|Π|/ρ)/n, where
 * D_H² = Σ(√p − √q)²; falling from 1−δ to 1−2δ costs at least (√(2δ) − √δ)² = δ/(1+√2)² of it; and π_BoN(y*_γ) < 1−δ
 * needs π(y*_γ) < log(1/δ)/N, by Markov on a set of mass ≤ C_cov,γ·log(1/δ)/N ≤ C_cov,γ/N*.
 */
export function sftFailureBound(q: {
  readonly logClassOverRho: number;
  readonly delta: number;
  readonly n: number;
  readonly coverage: number;
  readonly nStar: number;
}): number {
  return (sftConstant * q.logClassOverRho) / (q.delta * q.n) + q.coverage / q.nStar;
}

/**
 * Thm D.1 with its constants: with μ = ln(2/δ) the kept response misses y* with probability ≤ δ/2 on every prompt
 * (Lemma I.1), so P_x[π̂(y*|x) ≤ 1−δ] ≤ 2(2+√2)²·log(|Π|/ρ)/(δn) with probability ≥ 1−ρ: falling from 1−δ/2 to 1−δ
 * costs (√δ − √(δ/2))² = δ/(2+√2)². And E[m] ≤ n·(ln(2/δ) + 1)·C̄_cov.
 */
export function adaptiveSftFailureBound(logClassOverRho: number, delta: number, n: number): number {
  return (adaptiveSftConstant * logClassOverRho) / (delta * n);
}
