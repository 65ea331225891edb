import { UsageError } from "../../core/errors.js";
import type { Objective, ResponsePair } from "./objective.js";

/** What the reward-regression form of DPO is a function of. */
export interface RewardRegressionOptions {
  /** β > 0, the strength of the KL term in (3). */
  readonly beta: number;
  readonly pairs: readonly ResponsePair[];
  /** Number of sequences the pairs refer to. */
  readonly sequences: number;
}

/**
 * The residual β log[π(y)/π_base(y)] − β log[π(y′)/π_base(y′)] − (r(y) − r(y′)) of one pair, in units of the reward.
 * Zero on every pair exactly at π*_β ∝ π_base·exp(r/β).
 */
function pairResidual(pair: ResponsePair, beta: number, logProbs: ArrayLike<number>): number {
  return beta * (logProbs[pair.first]! - logProbs[pair.second]! - pair.referenceGap) - pair.rewardGap;
}

/** @throws UsageError for β ≤ 0, no pairs, or a pair that refers to no sequence. */
function checkPairs({ beta, pairs, sequences }: RewardRegressionOptions): void {
  if (!(beta > 0)) throw new UsageError(`β must be positive, not ${beta}`);
  if (pairs.length === 0) throw new UsageError("there are no pairs to learn from");
  for (const { first, second } of pairs) {
    if (!(first >= 0 && first < sequences && second >= 0 && second < sequences)) {
      throw new UsageError(`a pair refers to sequences ${first} and ${second} of ${sequences}`);
    }
  }
}

/**
 * RLHF-Sharpening, offline (paper eq. 4/8; as in REBEL, no Bradley–Terry labels): the weighted mean over pairs of the
 * squared `pairResidual`. A mean where the paper has a sum: the minimizer is the same, and a learning rate keeps its
 * meaning when the number of pairs changes.
 * @throws UsageError for β ≤ 0, no pairs, or a pair that refers to no sequence.
 */
export function rewardRegressionObjective(options: RewardRegressionOptions): Objective {
  checkPairs(options);
  const { beta, pairs, sequences } = options;
  const total = pairs.reduce((sum, pair) => sum + (pair.weight ?? 1), 0);
  return {
    name: "dpo",
    sequences,
    evaluate: (logProbs) => {
      const gradient = new Float64Array(sequences);
      let loss = 0;
      for (const pair of pairs) {
        const share = (pair.weight ?? 1) / total;
        const residual = pairResidual(pair, beta, logProbs);
        loss += share * residual * residual;
        gradient[pair.first]! += 2 * share * beta * residual;
        gradient[pair.second]! -= 2 * share * beta * residual;
      }
      return { loss, gradient };
    },
  };
}
