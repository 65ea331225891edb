import { xpoObjective, type ResponsePair } from "../sharpen/objectives/index.js";
import { normalize, singlePrompt } from "./instance.js";
import {
  concentrability,
  coverageCoefficient,
  logLikelihoodReward,
  sharpenedOptimum,
  targetMass,
} from "./quantities.js";
import { potential, potentialBound, printedPotentialBound } from "./rows/lemma-f-2.js";
import { changeOfMeasure } from "./rows/lemma-j-3.js";
import { fourthMomentBound, lossCoefficient, tailRatio } from "./rows/reward-tails.js";
import { show } from "./table.js";

/** What a counterexample shows, computed when it is asked for. */
export interface Shown {
  /** The numbers, in one sentence. */
  readonly text: string;
  /** Whether what is printed is contradicted. */
  readonly refuted: boolean;
  /** Whether the mended statement is right on the same instance. */
  readonly mended: boolean;
}

/** Something that the paper prints and that is not so. */
export interface Erratum {
  readonly id: string;
  /** Where in the paper. */
  readonly where: string;
  readonly printed: string;
  /** What is meant, or what is true. */
  readonly mended: string;
  /** What it changes for who relies on it. */
  readonly matters: string;
  readonly counterexample: () => Shown;
}

/** All pairs of a base with their exact reward gaps, weighted by how often they are drawn. */
function allPairs(base: Float64Array, reward: Float64Array): ResponsePair[] {
  return [...base].flatMap((p, y) =>
    [...base].map((q, z) => ({
      first: y,
      second: z,
      referenceGap: Math.log(p / q),
      rewardGap: reward[y]! - reward[z]!,
      weight: p * q,
    })),
  );
}

/** π_base, π*_β for the reward, and one for a reward that is wrong about the two likely responses. */
function twoCandidates(scale: number) {
  const base = normalize([4, 3, 2, 1]);
  const reward = base.map((p) => scale * Math.log(p));
  const wrong = reward.map((value, y) => (y === 1 ? value + scale : y === 0 ? value - scale : value));
  const beta = 0.5 * scale;
  const optimum = (own: Float64Array): Float64Array =>
    sharpenedOptimum(singlePrompt(base), [own], beta)[0]!.map(Math.log);
  return { base, reward, beta, candidates: [optimum(reward), optimum(wrong)] };
}

function signOfLoss(): Shown {
  const { base, reward, beta, candidates } = twoCandidates(1);
  const loss = (lossSign: 1 | -1): number[] =>
    candidates.map((row) => {
      const pairs = allPairs(base, reward);
      return xpoObjective({ alpha: 0.01, beta, lossSign, pairs, sequences: base.length }).evaluate(row).loss;
    });
  const [minus, plus] = [loss(-1), loss(1)];
  return {
    text: `With every pair seen, π*_β has ${show(minus[0]!)} and a policy for a wrong reward ${show(minus[1]!)} with the minus; with the plus ${show(plus[0]!)} and ${show(plus[1]!)}.`,
    refuted: minus[1]! < minus[0]!,
    mended: plus[0]! < plus[1]!,
  };
}

function optimismsUnit(): Shown {
  // Reward and β in units a thousand times larger or smaller are the same problem: π*_β and all policies stay.
  const chosen = (scale: number, power: 1 | -1): number => {
    const { base, reward, beta, candidates } = twoCandidates(scale);
    const range = 4 * scale;
    const alpha = 0.02 * beta * range ** power;
    const objective = xpoObjective({ alpha, beta, pairs: allPairs(base, reward), sequences: base.length });
    const [truth, wrong] = candidates.map((row) => objective.evaluate(row).loss);
    return truth! <= wrong! ? 0 : 1;
  };
  const scales = [1, 1e-3, 1e3];
  const printed = scales.map((scale) => chosen(scale, -1));
  const mended = scales.map((scale) => chosen(scale, 1));
  const words = (all: readonly number[]): string =>
    all.map((k) => (k === 0 ? "π*_β" : "the wrong one")).join(", ");
  return {
    text: `Rewards and β in units of 1, 10⁻³ and 10³, every pair seen: α ∝ β/(R+V) chooses ${words(printed)}; α ∝ β(R+V) chooses ${words(mended)}.`,
    refuted: new Set(printed).size > 1,
    mended: mended.every((k) => k === 0),
  };
}

function logarithm(): Shown {
  const pair = { base: Float64Array.of(0.5, 0.5), policy: Float64Array.of(0.99, 0.01) };
  const coefficient = lossCoefficient(pair, 1);
  const printed = tailRatio(pair, 1, coefficient, true);
  const mended = tailRatio(pair, 1, coefficient);
  return {
    text: `π_base = (1/2, 1/2), π = (0.99, 0.01), β = 1: P[X > log(2C + s)] is 1/2 for s up to ${show(99 - 2 * coefficient)}, which is ${show(printed)} times e^(−s); with log(2C) + s the ratio is ${show(mended)} at most.`,
    refuted: printed > 1,
    mended: mended <= 1,
  };
}

function ellipticRange(): Shown {
  const vectors = Array.from({ length: 4 }, () => Float64Array.of(1));
  const lambda = 10;
  const left = potential(vectors, lambda);
  const printed = printedPotentialBound(1, 4, 1, lambda);
  const mended = potentialBound(1, 4, 1, lambda);
  return {
    text: `d = 1, A_t = 1, T = 4, λ = 10: the sum is ${show(left)}, the printed bound ${show(printed)}, the mended one ${show(mended)}.`,
    refuted: left > printed,
    mended: left <= mended,
  };
}

function nearTies(): Shown {
  const gamma = 0.5;
  const instance = singlePrompt(normalize([1, ...new Array<number>(50).fill(0.5001)]));
  const beta = 0.02;
  const optimum = sharpenedOptimum(instance, logLikelihoodReward(instance), beta);
  const left = concentrability(instance, optimum);
  const coverage = coverageCoefficient(instance, gamma);
  return {
    text: `One response of weight 1 and fifty of 0.5001, γ = 1/2, β = 0.02: C_{π*_β} = ${show(left)}, and C_cov,γ/(1−γ) = ${show(coverage / (1 - gamma))}.`,
    refuted: left > coverage / (1 - gamma),
    mended: left <= (1 - gamma) ** (-1 / beta) * coverage,
  };
}

function massOfTheSet(): Shown {
  // k responses of weight 1 are y*_γ, 10k just below; β ∝ γ; then let k grow.
  const gamma = 0.1;
  const delta = 0.5;
  const at = (k: number) => {
    const near = new Array<number>(10 * k).fill((1 - gamma) * 0.9999);
    const base = normalize([...new Array<number>(k).fill(1), ...near]);
    const instance = singlePrompt(base);
    const optimum = sharpenedOptimum(instance, logLikelihoodReward(instance), gamma)[0]!;
    const mass = targetMass(base, base, gamma);
    const margin = mass / base[k]! - 1;
    const bound = (gamma * Math.log(1 / (mass * (1 - gamma))) + gamma) / (margin * delta);
    return { kept: targetMass(optimum, base, gamma), margin, bound, single: base[0]! / base[k]! - 1 };
  };
  const [few, many] = [at(10), at(1000)];
  return {
    text: `k responses of weight 1 and 10k just below 1 − γ = 0.9, δ = 1/2, β = γ, endlessly many pairs, so that π̂ = π*_β: it keeps ${show(many.kept)} on y*_γ whatever k is, and fails on the prompt, while the bound falls from ${show(few.bound)} at k = 10 to ${show(many.bound)} at k = 1,000 (margins ${show(few.margin)} and ${show(many.margin)}); with max π_base the margin is ${show(many.single)} and the bound above 1.`,
    refuted: many.kept < 1 - delta && many.bound < few.bound / 50 && many.bound < 0.01,
    mended: (gamma * Math.log(1 / (1 - gamma)) + gamma) / (many.single * delta) > 1,
  };
}

function droppedOne(): Shown {
  // K equally likely responses and one e times rarer; π = π̂ = π_base, so that only r* has a tail.
  const at = (k: number) => {
    const rare = Math.exp(-1) / k;
    const base = normalize([...new Array<number>(k).fill(1 / k), rare]);
    const beta = 0.5;
    const reward = base.map(Math.log);
    const sides = changeOfMeasure(
      base,
      base,
      reward,
      base.map(() => 0),
      0.9,
    );
    const policy = sharpenedOptimum(singlePrompt(base), [reward], beta)[0]!;
    const coefficient = lossCoefficient({ base, policy }, beta);
    const tail = sides.outside ** 0.25;
    const constant = fourthMomentBound(coefficient) ** 0.25 + fourthMomentBound(1) ** 0.25;
    return {
      printed: sides.left / (Math.sqrt(sides.inside) + Math.log(coefficient) * tail),
      mended: sides.left / (Math.sqrt(sides.inside) + constant * tail),
    };
  };
  const [few, many] = [at(20), at(1000)];
  return {
    text: `K equally likely responses and one e times rarer, π = π̂ = π_base, η = 0.9: left over right side is ${show(few.printed)} at K = 20 and ${show(many.printed)} at K = 1,000, and grows without limit; with f(k) of Lemma J.2 it is ${show(many.mended)}.`,
    refuted: many.printed > 2 * few.printed && many.printed > 1,
    mended: Math.max(few.mended, many.mended) <= 1,
  };
}

/** Every erratum that was found, in the paper's order, each with a counterexample that runs. */
export const errata: readonly Erratum[] = [
  {
    id: "algorithm-1-sign",
    where: "Algorithm 1",
    printed: "argmin of α·Σ log π(y′|x) − Σ(β log(π/π_base)(y) − β log(π/π_base)(y′) − (r(y) − r(y′)))².",
    mended: "A plus before the squared sum, as in L̂ of the proof (J.2.2).",
    matters: "The minus maximizes the error of the regression. Whetstone's XPO has the plus.",
    counterexample: signOfLoss,
  },
  {
    id: "algorithm-1-alpha",
    where: "Theorems J.1, J.2 and J.3 with Algorithm 1",
    printed: "α = β/(R_max + V_max)·√(log(2𝒩T/ρ)/(SEC·T)).",
    mended:
      "α = β·(R_max + V_max)·√(log(2𝒩T/ρ)/(SEC·T)) for the loss of Algorithm 1. The printed α belongs to L̂ of the proof, whose squared sum is divided by (R_max + V_max)².",
    matters:
      "α·log π must have the unit of a squared reward. With the printed one what XPO learns hangs on the unit of the reward.",
    counterexample: optimismsUnit,
  },
  {
    id: "lemma-f.2",
    where: "Lemma F.2",
    printed: "Σ_t Tr(Γ_{t−1}⁻¹A_t) ≤ dK·log((T+1)K/λ)/(λ·log(1+K/λ)) for all λ, K > 0.",
    mended:
      "log(1 + TK/λ) in place of log((T+1)K/λ); the two agree at λ = K, and for λ ≤ K what is printed holds.",
    matters: "Nothing in the paper: Lemma J.5 uses it at λ = 1 and K of constant size.",
    counterexample: ellipticRange,
  },
  {
    id: "lemma-4.1-prime",
    where: "Lemma 4.1′ and Assumption J.1",
    printed: "C_{π*_β} ≤ (1−γ)⁻¹·C_cov,γ.",
    mended:
      "(1−γ)^(−1/β) for β < 1: the proof replaces max π_base^(1/β) by its value on y*_γ, which costs a factor (1−γ)^(−1/β).",
    matters:
      "Assumption J.1 with C_conc = C_cov,γ/(1−γ) can exclude π*_β from the class; it is consistent for γ ≲ β.",
    counterexample: nearTies,
  },
  {
    id: "assumption-j.2",
    where: "Assumption J.2, in Theorem 4.2′",
    printed: "π_base(y*_γ(x)|x) ≥ (1 + γ_margin)·π_base(y|x) for y outside y*_γ(x): the mass of the set.",
    mended:
      "max_y π_base(y|x) on the left, as in Assumption 4.2; the last step of the proof compares single responses.",
    matters:
      "With the mass of the set the margin can be arbitrarily large where single responses hardly differ, and the theorem is false.",
    counterexample: massOfTheSet,
  },
  {
    id: "lemma-j.1",
    where: "Lemma J.1",
    printed: "P[X > log(2C_{π_base/π;β} + s)] ≤ exp(−s).",
    mended: "log(2C_{π_base/π;β}) + s, which is what the proof gives and what Lemma J.2 uses.",
    matters: "Nothing beyond the lemma.",
    counterexample: logarithm,
  },
  {
    id: "lemma-j.3",
    where: "Lemma J.3",
    printed: "The tail's term carries log C_{π_base/π̂;β} + log C_{π_base/π*_β;β}.",
    mended: "Each log needs + 1, as Lemma J.2 has it.",
    matters: "Nothing where C_loss ≥ |Y| ≥ 2, as Assumption 4.4 asks.",
    counterexample: droppedOne,
  },
];
