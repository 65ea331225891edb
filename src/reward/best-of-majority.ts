import { UsageError } from "../core/errors.js";
import { answerClasses } from "./answer-classes.js";
import { bestOfFrequentShares } from "./best-of-majority-probabilities.js";
import { logLikelihoodOf } from "./log-likelihood.js";
import { LOWEST_SCORE } from "./pointwise.js";
import type { Pool, SelfReward } from "./self-reward.js";
import { checkSubset } from "./subset-choice.js";

/** What counts as frequent. */
export interface BestOfMajorityOptions {
  /** α in [0, 1]: an answer is a candidate if at least this share of the N responses give it. Default 0.1; 0 is best-of-N. */
  readonly share?: number;
}

const NAME = "best-of-majority";

/** The fewest responses that are a share α of n, at least 1; α·n that is whole but for rounding counts as whole. */
const fewest = (share: number, n: number): number => Math.max(1, Math.ceil(share * n - 1e-9));

/** Log-likelihoods of candidates stay above this, so that what is no candidate can be told apart. */
const LOWEST_CANDIDATE = LOWEST_SCORE / 2;

/**
 * Best-of-majority (arXiv 2510.03199 with k = 1; log π_base as the reward): of the responses whose answer is frequent, the likeliest.
 * Rare answers, where a reward misleads most, cannot win however well they score, so that more draws do not hurt. If no
 * answer is frequent enough the most frequent ones are the candidates (the paper leaves that case open).
 *
 * A candidate scores its log-likelihood, every other response `LOWEST_SCORE`; where none has an answer, all are alike.
 * `chosenProbabilities` is exact for every n: a candidate i wins when no candidate in the subset is likelier, and given the counts
 * of the answers those events factor over the answers (best-of-majority-probabilities.ts).
 * @throws UsageError for a share outside [0, 1].
 */
export function bestOfMajority({ share = 0.1 }: BestOfMajorityOptions = {}): SelfReward {
  if (!(share >= 0 && share <= 1))
    throw new UsageError(`The share of the reward ${NAME} must be between 0 and 1, not ${share}.`);
  const likelihoods = (pool: Pool): number[] =>
    pool.responses.map((response) => Math.max(logLikelihoodOf(response), LOWEST_CANDIDATE));
  return {
    name: NAME,
    description: "The likeliest of the responses whose answer many others give too.",
    needs: [],
    score: (pool) => {
      const { classOf, sizes } = answerClasses(pool);
      const most = sizes.reduce((a, b) => Math.max(a, b), 0);
      const needed = Math.min(fewest(share, classOf.length), most);
      const values = likelihoods(pool);
      return Promise.resolve(
        classOf.map((number, i) => (number >= 0 && sizes[number]! >= needed ? values[i]! : LOWEST_SCORE)),
      );
    },
    chosenProbabilities: (pool, n) => {
      const { classOf, unanswered } = answerClasses(pool);
      checkSubset(classOf.length, n, NAME);
      const { answered, none } = bestOfFrequentShares(classOf, likelihoods(pool), n, fewest(share, n));
      return classOf.map((number, i) => (number < 0 ? none / unanswered : answered[i]!));
    },
  };
}
