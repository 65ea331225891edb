import { UsageError } from "../core/errors.js";
import { randomStream } from "../core/random.js";
import type { Response } from "../policy/policy.js";
import { logLikelihoodOf } from "./log-likelihood.js";
import { LOWEST_SCORE } from "./pointwise.js";
import type { Pool, SelfReward } from "./self-reward.js";
import { chosenOverSubsets } from "./subset-choice.js";

/** How far pessimism holds back. */
export interface PessimismOptions {
  /**
   * β > 0 in nats: the larger, the nearer to drawing any response; β → 0 is best-of-N. With N responses the rewards of
   * those that can be chosen exceed λ by N·β in sum. Default 0.1.
   */
  readonly beta?: number;
  /** Fixes the draw; see `SelfReward.randomized`. Default 0. */
  readonly seed?: number;
}

const NAME = "pessimism";

/**
 * λ with mean relu((r − λ)/β) = 1, exactly: were the k largest rewards the ones above λ, it would be (their sum − N·β)/k; the right k is
 * the largest whose k-th reward is above that.
 * @param rewards at least one, finite.
 */
export function pessimismThreshold(rewards: readonly number[], beta: number): number {
  const descending = rewards.toSorted((a, b) => b - a);
  // Differences from the best: sums of these do not lose what a common offset would cost.
  const top = descending[0]!;
  let sum = 0;
  let lambda = -Infinity;
  for (let k = 1; k <= descending.length; k++) {
    sum += descending[k - 1]! - top;
    const next = (sum - rewards.length * beta) / k;
    if (descending[k - 1]! - top <= next) break;
    lambda = next;
  }
  return top + lambda;
}

/** P(each is chosen) by rejection sampling from the pool: relu((r − λ)/β)/N. Sums to 1. */
function law(rewards: readonly number[], beta: number): number[] {
  const top = rewards.reduce((a, b) => Math.max(a, b), -Infinity);
  const shifted = rewards.map((reward) => reward - top);
  const lambda = pessimismThreshold(shifted, beta);
  const excess = shifted.map((reward) => Math.max(0, reward - lambda));
  const total = excess.toSorted((a, b) => a - b).reduce((a, b) => a + b, 0);
  return excess.map((value) => value / total);
}

/** Equal responses, as one. */
const contentOf = ({ text, tokens, logProbs }: Response): string => JSON.stringify([text, tokens, logProbs]);

/**
 * Inference-time pessimism (arXiv 2503.21878, Alg. 1; log π_base as the reward r): the choice is random with
 * density relu((r − λ)/β) against the base, λ set so that the mean is 1 over the N responses: the optimum under χ²
 * regularization. Where best-of-N follows the reward wherever it leads as N grows, this stays as near to the base as β says.
 *
 * From one pool: the paper draws λ's responses and those of the rejection sampling from π_base; here both are the same N, which
 * makes rejection sampling a draw from the pool with probabilities relu((r − λ)/β)/N, and never leaves it without a response.
 * The score is such a draw: log Σ relu((r − λ)/β) over the equals of a response, plus a Gumbel variable keyed by the seed, the prompt
 * and the response; the highest is chosen with just that probability. What cannot be chosen scores `LOWEST_SCORE`. The expectation
 * over subsets has no closed form: see `chosenOverSubsets`.
 * @throws UsageError for β that is not positive and finite.
 */
export function pessimism({ beta = 0.1, seed = 0 }: PessimismOptions = {}): SelfReward {
  if (!(beta > 0 && beta < Infinity))
    throw new UsageError(`β of the reward ${NAME} must be positive, not ${beta}.`);
  return {
    name: NAME,
    description:
      "The log-likelihood held back: a random choice among the likely, no further from the base than β allows.",
    needs: [],
    randomized: true,
    score: (pool) => Promise.resolve(drawnScores(pool, beta, seed)),
    chosenProbabilities: (pool, n) => {
      const rewards = pool.responses.map(logLikelihoodOf);
      return chosenOverSubsets(rewards.length, n, NAME, (positions) =>
        law(
          positions.map((i) => rewards[i]!),
          beta,
        ),
      );
    },
  };
}

function drawnScores(pool: Pool, beta: number, seed: number): number[] {
  const contents = pool.responses.map(contentOf);
  const shares = law(pool.responses.map(logLikelihoodOf), beta);
  const counts = new Map<string, number>();
  for (const content of contents) counts.set(content, (counts.get(content) ?? 0) + 1);
  return contents.map((content, i) => {
    const share = shares[i]! * counts.get(content)!;
    if (share === 0) return LOWEST_SCORE;
    // In (0, 1): both logarithms are finite.
    const uniform = randomStream(seed, `pessimism ${pool.prompt.id} ${content}`).next() + 2 ** -33;
    return Math.log(share) - Math.log(-Math.log(uniform));
  });
}
