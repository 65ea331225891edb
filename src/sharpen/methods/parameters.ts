import type { Response } from "../../policy/policy.js";
import { sequenceLogProb } from "../../policy/policy.js";
import { paperAlpha } from "../objectives/index.js";
import type { PairExample } from "../pairs.js";

/** ε, δ and ρ of the guarantee for which XPO's parameters are computed when they are not given. */
const EPSILON = 0.1;
const DELTA = 0.1;
const RHO = 0.1;
/** Nats of choice in one float32 parameter: log 𝒩 of the adapters that can be written down is this times their parameters. */
const NATS_PER_PARAMETER = 32 * Math.LN2;

/** What the paper's formulas are computed from, and what they give. */
export interface XpoParameters {
  readonly beta: number;
  /** XPO's α. */
  readonly optimism: number;
  /** α with the range squared that the paper's formula has lost (docs/errata.md); absent where α was given. */
  readonly correctedOptimism?: number;
  /** By name, for people; empty where both were given. */
  readonly quantities: Readonly<Record<string, number>>;
}

/**
 * The margin γ with max_y π_base(y|x) ≥ (1 + γ)·π_base(y′|x) (paper Asm. 4.2) on all but a share ε of the prompts, as the
 * responses drawn show it: the ratio of the likeliest to the second among those that differ. Prompts with one response
 * alone say nothing. Undefined where no prompt says anything, or there is no margin.
 */
function observedMargin(
  responses: Iterable<readonly Response[]>,
  epsilon: number = EPSILON,
): number | undefined {
  const margins: number[] = [];
  for (const own of responses) {
    const different = new Map(own.map((response) => [response.tokens.join(" "), sequenceLogProb(response)]));
    const [first, second] = [...different.values()].sort((a, b) => b - a);
    if (first !== undefined && second !== undefined) margins.push(Math.expm1(first - second));
  }
  const margin = margins.sort((a, b) => a - b)[Math.floor(epsilon * margins.length)];
  return margin !== undefined && margin > 0 ? margin : undefined;
}

/** What the formulas are given. */
export interface XpoFacts {
  readonly beta: number | undefined;
  readonly optimism: number | undefined;
  readonly rounds: number;
  /** Trained parameters d of the adapter. */
  readonly parameters: number;
  /** log |Y|, in nats. */
  readonly logResponses: number;
  /** The base's responses to each prompt, for the margin. */
  readonly responses: Iterable<readonly Response[]>;
  /** The same with their rewards, for the range. */
  readonly examples: readonly PairExample[];
}

/**
 * β = γ/(2·log(2|Y|/δ)) and α = β/(R_max + V_max)·√(log(2·𝒩·T/ρ)/(SEC·T)) (paper Thm 4.3), each where it is not given. γ and
 * R_max are what the responses show; V_max = R_max, since β log(π/π_base) is the reward but for a constant at the optimum;
 * 𝒩 counts float32 adapters, and SEC is that of a linear softmax of as many parameters, d·log(T + 1) (Lemma J.5).
 * @returns undefined where β is not given and no margin shows.
 */
export function xpoParameters(facts: XpoFacts): XpoParameters | undefined {
  const { rounds, parameters, logResponses } = facts;
  const quantities: Record<string, number> = {};
  let { beta, optimism } = facts;
  let corrected: number | undefined;
  if (beta === undefined) {
    const margin = observedMargin(facts.responses);
    if (margin === undefined) return undefined;
    // As paperBeta, with log |Y| in place of |Y|, which is beyond floating point.
    beta = margin / (2 * (Math.log(2 / DELTA) + logResponses));
    Object.assign(quantities, { γ_margin: margin, "log |Y|": logResponses, δ: DELTA, ε: EPSILON });
  }
  if (optimism === undefined) {
    const rewards = facts.examples.map(({ responses }) => responses.map(({ reward }) => reward));
    const range = rewards.reduce((most, own) => Math.max(most, Math.max(...own) - Math.min(...own)), 0);
    const logClassSize = NATS_PER_PARAMETER * parameters;
    const sec = parameters * Math.log(rounds + 1);
    // Where no two rewards differ there is nothing to be optimistic about.
    optimism = range > 0 ? paperAlpha({ beta, range: 2 * range, logClassSize, rounds, rho: RHO, sec }) : 0;
    corrected = optimism * (2 * range) ** 2;
    Object.assign(quantities, {
      R_max: range,
      V_max: range,
      "log 𝒩": logClassSize,
      SEC: sec,
      T: rounds,
      ρ: RHO,
    });
  }
  return { beta, optimism, ...(corrected !== undefined && { correctedOptimism: corrected }), quantities };
}
