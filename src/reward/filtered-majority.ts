import { UsageError } from "../core/errors.js";
import type { Response } from "../policy/policy.js";
import { answerClasses } from "./answer-classes.js";
import type { Pool, SelfReward } from "./self-reward.js";
import { certaintyOf } from "./self-certainty.js";
import { chosenOverSubsets, shareOfBest } from "./subset-choice.js";

/** Who votes, and by what. */
export interface FilteredMajorityOptions {
  /** The share of the answered responses that vote, in (0, 1]: the most confident ones. Default 0.5. */
  readonly keep?: number;
  /** Tokens of a group, at least 1: a response is as confident as its least confident group. Default 256. */
  readonly window?: number;
}

const NAME = "filtered-majority";

/** The least mean of `window` neighbouring values; of all of them where they are fewer, 0 where there are none. */
function leastGroup(values: readonly number[], window: number): number {
  const length = Math.min(window, values.length);
  if (length === 0) return 0;
  let sum = 0;
  for (let t = 0; t < length; t++) sum += values[t]!;
  let least = sum;
  for (let t = length; t < values.length; t++) {
    sum += values[t]! - values[t - length]!;
    least = Math.min(least, sum);
  }
  return Math.max(0, least / length);
}

/** Each response's share of the votes for its answer. */
function shares(classOf: readonly number[], confidence: readonly number[], keep: number): number[] {
  const answered = confidence.filter((_, i) => classOf[i]! >= 0).sort((a, b) => b - a);
  if (answered.length === 0) return classOf.map(() => 0);
  // Ties at the edge all vote: who comes first is of no account.
  const needed = answered[Math.max(1, Math.ceil(keep * answered.length - 1e-9)) - 1]!;
  const votes = new Map<number, number[]>();
  classOf.forEach((number, i) => {
    if (number >= 0 && confidence[i]! >= needed)
      votes.set(number, [...(votes.get(number) ?? []), confidence[i]!]);
  });
  const total = sumOf([...votes.values()].flat());
  // Where nobody is confident at all, a vote is a vote.
  const weigh = (list: readonly number[]): number => (total > 0 ? sumOf(list) / total : list.length);
  const byClass = new Map([...votes].map(([number, list]) => [number, weigh(list)]));
  // Every answer stands above none: the smallest step is less than any share of a vote that counts.
  return classOf.map((number) => (number < 0 ? 0 : (byClass.get(number) ?? 0) + Number.EPSILON));
}

/** In ascending order, so that equal multisets have the very same sum. */
function sumOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b).reduce((sum, value) => sum + value, 0);
}

/**
 * Majority among the confident (DeepConf, arXiv 2508.15260, offline): of the responses with an answer, the share `keep` that are
 * surest in their least sure stretch vote, each with its confidence. A response's confidence is the least mean certainty, KL(uniform ‖
 * p_t) in nats, of `window` tokens in a row, where the paper has the mean log-probability of the likeliest 20: both tell how far
 * a distribution is from even. Nothing is stopped early, so that the choice is that of the whole pool.
 *
 * The score is the answer's share of all votes, in [0, 1]; 0 for a response without an answer.
 * @throws UsageError for options out of range; `score` rejects with one where a response has no `certainties`.
 */
export function filteredMajority({ keep = 0.5, window = 256 }: FilteredMajorityOptions = {}): SelfReward {
  if (!(keep > 0 && keep <= 1))
    throw new UsageError(
      `The share that the reward ${NAME} keeps must be above 0 and at most 1, not ${keep}.`,
    );
  if (!Number.isInteger(window) || window < 1)
    throw new UsageError(
      `The window of the reward ${NAME} must be a whole number of at least 1, not ${window}.`,
    );
  const confidenceOf = (response: Response): number => {
    // Asked first for its sentence about what is missing.
    certaintyOf(response, NAME);
    return leastGroup(response.certainties!, window);
  };
  const read = (pool: Pool) => ({
    classOf: answerClasses(pool).classOf,
    confidence: pool.responses.map(confidenceOf),
  });
  return {
    name: NAME,
    description: "Whose answer has the most votes of the responses that were confident throughout.",
    needs: ["certainties"],
    score: async (pool) => {
      const { classOf, confidence } = read(pool);
      return Promise.resolve(shares(classOf, confidence, keep));
    },
    chosenProbabilities: (pool, n) => {
      const { classOf, confidence } = read(pool);
      return chosenOverSubsets(classOf.length, n, NAME, (positions) =>
        shareOfBest(
          shares(
            positions.map((i) => classOf[i]!),
            positions.map((i) => confidence[i]!),
            keep,
          ),
        ),
      );
    },
  };
}
