import { UsageError } from "../core/errors.js";
import { answerClasses } from "./answer-classes.js";
import { logLikelihoodOf } from "./log-likelihood.js";
import { LOWEST_SCORE } from "./pointwise.js";
import type { Pool, SelfReward } from "./self-reward.js";
import { chosenOverSubsets, shareOfBest } from "./subset-choice.js";

/** How much a likelihood counts. */
export interface WeightedMajorityOptions {
  /**
   * A vote weighs π_base(y|x)^(1/β), β > 0. Default 1: the likelihood itself. β → ∞ is majority; β → 0 is the answer of the
   * likeliest response.
   */
  readonly beta?: number;
}

/** log Σ exp of values in ascending order, so that equal multisets give the very same sum. */
function logSum(values: readonly number[]): number {
  const ascending = values.toSorted((a, b) => a - b);
  const top = ascending.at(-1)!;
  let sum = 0;
  for (const value of ascending) sum += Math.exp(value - top);
  return top + Math.log(sum);
}

/** Each response's score from its class (−1: none) and the log of its weight. */
function scores(classOf: readonly number[], logWeights: readonly number[]): number[] {
  const votes = new Map<number, number[]>();
  classOf.forEach((number, i) => {
    if (number < 0) return;
    const list = votes.get(number);
    if (list) list.push(logWeights[i]!);
    else votes.set(number, [logWeights[i]!]);
  });
  if (votes.size === 0) return classOf.map(() => LOWEST_SCORE);
  const all = logSum([...votes.values()].flat());
  const byClass = new Map([...votes].map(([number, list]) => [number, logSum(list) - all]));
  return classOf.map((number) =>
    // Answered responses stay above those without an answer, however unlikely they are.
    number < 0 ? LOWEST_SCORE : Math.max(byClass.get(number)!, LOWEST_SCORE / 2),
  );
}

/**
 * Majority weighted by likelihood: the answer whose responses have the largest Σ π_base(y|x)^(1/β) wins (the unnormalized
 * weighted sum of self-consistency, arXiv 2203.11171 §3.1, for β = 1). As the responses are drawn from π_base, the sum estimates the
 * answer's probability under π*_β ∝ π_base^(1+1/β), the optimum of RLHF-sharpening (paper eq. 3): where majority votes by
 * the base, this votes by the sharpened policy, from the same draws.
 *
 * The score is log of the answer's share of all weight, at most 0; a response without an answer scores `LOWEST_SCORE`, and is chosen
 * only where none has an answer. Its expectation over subsets has no closed form: see `chosenOverSubsets`.
 * @throws UsageError for β that is not positive.
 */
export function weightedMajority({ beta = 1 }: WeightedMajorityOptions = {}): SelfReward {
  if (!(beta > 0)) throw new UsageError(`β of the reward weighted-majority must be positive, not ${beta}.`);
  const name = "weighted-majority";
  const read = (pool: Pool) => ({
    classOf: answerClasses(pool).classOf,
    logWeights: pool.responses.map((response) => logLikelihoodOf(response) / beta),
  });
  return {
    name,
    description: "Whose answer has the most votes when each response votes with its likelihood.",
    needs: [],
    score: (pool) => {
      const { classOf, logWeights } = read(pool);
      return Promise.resolve(scores(classOf, logWeights));
    },
    chosenProbabilities: (pool, n) => {
      const { classOf, logWeights } = read(pool);
      return chosenOverSubsets(classOf.length, n, name, (positions) =>
        shareOfBest(
          scores(
            positions.map((i) => classOf[i]!),
            positions.map((i) => logWeights[i]!),
          ),
        ),
      );
    },
  };
}
