import type { RandomStream } from "../core/random.js";
import { paperBeta } from "../sharpen/objectives/index.js";
import { dpoLearn, dpoQuantities, sharpenedClass } from "./dpo.js";
import { normalize, type Instance } from "./instance.js";
import { sampleOracle, type DrawnPair } from "./oracle.js";
import { unsharpenedMass } from "./quantities.js";

/** Where the offline form's cost is measured. */
export interface DpoProblem {
  /** ε, at most 1/16; also fixes the mass of the hard prompts, 16ε. */
  readonly epsilon: number;
  readonly delta: number;
  /** γ_margin of the hard prompts. */
  readonly margin: number;
  /** Responses to a hard prompt; C_conc grows in proportion. */
  readonly responses: number;
}

/** How the learner may be broken, for mutations. */
export interface DpoFault {
  readonly sign: number;
  /** β in use over the β asked for. */
  readonly blunt: number;
  readonly ignores: boolean;
}

const hardPrompts = 8;

/**
 * Eight hard prompts that share mass 16ε, so that none may be wrong, and an easy one with a single response. On a hard
 * prompt a random y* has (1+γ)/(K+γ) and the other K−1 responses 1/(K+γ).
 */
function dpoInstance({ epsilon, margin, responses }: DpoProblem, stream: RandomStream): Instance {
  const weights = new Float64Array(hardPrompts + 1).fill((16 * epsilon) / hardPrompts);
  weights[0] = 1 - 16 * epsilon;
  const hard = Array.from({ length: hardPrompts }, () => {
    const star = stream.integer(responses);
    return normalize(Array.from({ length: responses }, (_, y) => (y === star ? 1 + margin : 1)));
  });
  return { weights, base: [Float64Array.of(1), ...hard] };
}

/** C_conc of the problem's class: the same for every instance up to rounding. */
export function dpoConcentrability(problem: DpoProblem, stream: RandomStream): number {
  const instance = dpoInstance(problem, stream);
  const beta = paperBeta(problem.margin, problem.responses, problem.delta);
  return dpoQuantities(instance, sharpenedClass(instance, beta, 4, stream), beta).concentrability;
}

/**
 * m = 2n of the offline form (paper eq. 4/8) until it is (ε, δ)-sharpened, on a grid of 5 % steps: β by Thm 4.3's formula, a
 * class of π*_β and three like it for each prompt. Rewards are exact, so a member with positive loss never comes back and
 * what is sharpened stays so.
 * @returns ∞ when it gives up, at about eight times the usual cost.
 */
export function dpoCost(problem: DpoProblem, fault: DpoFault, stream: RandomStream): number {
  const { epsilon, delta, margin, responses } = problem;
  const instance = dpoInstance(problem, stream);
  const beta = paperBeta(margin, responses, delta) * fault.blunt;
  const product = sharpenedClass(instance, beta, 4, stream);
  const oracle = sampleOracle(instance, 2, stream);
  const cap = (4 * responses) / epsilon;
  const seen = new Map<string, DrawnPair>();
  const wrong = (): boolean => {
    const learned = dpoLearn(product, fault.ignores ? [] : [...seen.values()], beta, fault.sign);
    return unsharpenedMass(instance, learned, delta) > epsilon + 1e-12;
  };
  while (wrong()) {
    if (oracle.spent().draws > cap) return Infinity;
    for (const pair of oracle.pairs(Math.max(1, Math.round(0.05 * oracle.spent().prompts)))) {
      const key = `${pair.prompt} ${pair.first} ${pair.second}`;
      seen.set(key, { ...pair, count: pair.count + (seen.get(key)?.count ?? 0) });
    }
  }
  return Math.max(2, oracle.spent().draws);
}
