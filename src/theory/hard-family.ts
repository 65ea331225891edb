import type { RandomStream } from "../core/random.js";
import { hardInstance, hardTop, randomSecret, type HardFamily, type Instance } from "./instance.js";
import {
  adaptiveOracle,
  sampleOracle,
  type AdaptiveOracle,
  type Drawn,
  type SampleOracle,
} from "./oracle.js";
import { nearArgmax } from "./quantities.js";

/**
 * The Bayes-optimal learner on the hard family (uniform prior over I ∈ [M]^d), which it knows. On x_i every response but
 * y_{j_i} has the same probability under every hypothesis that has not been ruled out, so the exact posterior of j_i is:
 * certain once a response of probability 2/M was seen, else uniform over the responses not seen. Any mode of it is an
 * optimal answer; the current one is kept until it is ruled out, so that its error never grows.
 */
interface PosteriorLearner {
  /** Takes in responses to a prompt. */
  observe(prompt: number, drawn: readonly Drawn[]): void;
  /** Whether j of the prompt is known for certain. */
  knows(prompt: number): boolean;
  /** The response that π̂(·|x) puts its mass on. */
  answer(prompt: number): number;
}

/** @param stream breaks the ties between equally likely hypotheses. */
export function posteriorLearner(family: HardFamily, stream: RandomStream): PosteriorLearner {
  const { hardPrompts, choices } = family;
  const seen = Array.from({ length: hardPrompts + 1 }, () => new Uint8Array(choices + 1));
  const known = new Uint8Array(hardPrompts + 1);
  const answers = Int32Array.from({ length: hardPrompts + 1 }, (_, x) =>
    x === 0 ? 0 : 1 + stream.integer(choices),
  );
  const top = Math.log(hardTop(family)) - 1e-9;
  const guess = (x: number): void => {
    const ruledOut = seen[x]!;
    let start = 1 + stream.integer(choices);
    for (let tries = 0; tries < choices && ruledOut[start] === 1; tries++) start = 1 + (start % choices);
    answers[x] = start;
  };
  known[0] = 1;
  return {
    observe: (x, drawn) => {
      if (known[x] === 1) return;
      for (const { response, logProb } of drawn) {
        seen[x]![response] = 1;
        if (logProb >= top) {
          known[x] = 1;
          answers[x] = response;
          return;
        }
      }
      if (seen[x]![answers[x]!] === 1) guess(x);
    },
    knows: (x) => known[x] === 1,
    answer: (x) => answers[x]!,
  };
}

/** P_{x~μ}[π̂(y*_γ|x) < 1−δ] for a π̂ of point masses, any δ < 1. */
function wrongMass(
  instance: Instance,
  targets: readonly (readonly number[])[],
  learner: PosteriorLearner,
): number {
  let mass = 0;
  instance.weights.forEach((weight, x) => {
    if (!targets[x]!.includes(learner.answer(x))) mass += weight;
  });
  return mass;
}

/** Replicate runs and how they are cut off. */
export interface HittingOptions {
  readonly family: HardFamily;
  /** Fixed N, or undefined for the adaptive learner. */
  readonly responsesPerPrompt?: number;
  /** Gives up (∞) beyond this many draws. */
  readonly cap: number;
  /** Faults for mutations: a learner that is told I, or that looks at nothing. */
  readonly fault?: "leak" | "ignores";
}

/**
 * The least m (within 4 %) from which the posterior learner is (ε, δ, 1/2)-sharpened, on one random member of the
 * family. Its error never grows, so P[sharpened at budget m] is the distribution function of this number.
 */
export function hittingCost(options: HittingOptions, stream: RandomStream): number {
  const { family, responsesPerPrompt: n, fault } = options;
  const secret = randomSecret(family, stream);
  const instance = hardInstance(family, secret);
  const targets = instance.base.map((row) => nearArgmax(row, 0.5));
  const learner = posteriorLearner(family, stream);
  if (fault === "leak") {
    secret.forEach((answer, i) =>
      learner.observe(i + 1, [{ response: answer, count: 1, logProb: Math.log(hardTop(family)) }]),
    );
  }
  const done = (): boolean => wrongMass(instance, targets, learner) <= family.epsilon + 1e-12;
  return n === undefined
    ? adaptiveCost(adaptiveOracle(instance, stream), learner, done, options)
    : fixedCost(sampleOracle(instance, n, stream), learner, done, options);
}

function fixedCost(
  oracle: SampleOracle,
  learner: PosteriorLearner,
  done: () => boolean,
  { cap, fault }: HittingOptions,
): number {
  while (!done()) {
    const { prompts, draws } = oracle.spent();
    if (draws > cap) return Infinity;
    for (const { prompt, responses } of oracle.sample(Math.max(1, Math.round(0.04 * prompts)))) {
      if (fault !== "ignores") learner.observe(prompt, responses);
    }
  }
  return Math.max(1, oracle.spent().draws);
}

/** Asks nothing at x_0 or where it knows, and elsewhere draws until it knows: nothing adaptive does better. */
function adaptiveCost(
  oracle: AdaptiveOracle,
  learner: PosteriorLearner,
  done: () => boolean,
  { cap, fault }: HittingOptions,
): number {
  while (!done()) {
    const { prompts, draws } = oracle.spent();
    if (draws > cap || prompts > 1e9) return Infinity;
    for (const [prompt] of oracle.prompts(Math.max(8, Math.round(0.1 * prompts)))) {
      while (!learner.knows(prompt) && !done() && oracle.spent().draws <= cap) {
        const drawn = oracle.draw(prompt);
        if (fault !== "ignores") learner.observe(prompt, [drawn]);
      }
    }
  }
  return Math.max(1, oracle.spent().draws);
}

/**
 * Our explicit form of the lower bounds. If a learner is (ε, δ)-sharpened with probability ≥ 1/2 then E[#right] ≥
 * 15d/32, since Δ = 16ε allows d/16 wrong. But k draws on x_i make it right with probability ≤ (2k + 1)/M: each draw finds
 * y_{j_i} with probability 2/M, and a guess among responses that were not seen is right with probability ≤ 1/M (Kraft's
 * inequality over the tree of what may be drawn). So at least d(15M/32 − 1)/2 draws fall on hard prompts: that many
 * for an adaptive learner, and 1/Δ times as many in all for a fixed N.
 */
export function explicitLowerBound(
  { hardPrompts, choices, hardMass }: HardFamily,
  adaptive: boolean,
): number {
  const draws = (hardPrompts * ((15 / 32) * choices - 1)) / 2;
  return adaptive ? draws : draws / hardMass;
}

/** The paper's constant, made explicit: `explicitLowerBound` ≥ 1/1400 (fixed N), 1/90 (adaptive) times its form. */
const lowerConstant = { fixed: 1 / 1400, adaptive: 1 / 90 } as const;

/** c·C·log|Π|/(ε^{a}(1 + log(C ε^{−1/p}))), a = 1 + 1/p, or 1/p for adaptive learners (Thm 3.1′, D.2). */
export function paperLowerBound(family: HardFamily, coverage: number, p: number, adaptive: boolean): number {
  const { hardPrompts, choices, epsilon } = family;
  const power = (adaptive ? 0 : 1) + 1 / p;
  const logClass = hardPrompts * Math.log(choices);
  const c = adaptive ? lowerConstant.adaptive : lowerConstant.fixed;
  return (c * coverage * logClass) / (epsilon ** power * (1 + Math.log(coverage * epsilon ** (-1 / p))));
}
