import type { Response } from "../policy/policy.js";
import { LOWEST_SCORE, meanOr, pointwise } from "./pointwise.js";
import { boundPruner } from "./pruning.js";
import type { SelfReward } from "./self-reward.js";

const scoreOf = (response: Response): number => meanOr(response.logProbs, LOWEST_SCORE);

/**
 * Length-normalized log-likelihood (paper App. A.2): log π_base(y|x) divided by the number of response tokens (the end
 * token counts), in nats per token. Pointwise. A response with no tokens, or with a token of probability zero, scores
 * `LOWEST_SCORE`.
 */
export const lengthNormalized: SelfReward = {
  name: "length-normalized",
  description: "The log-probability per token, so that long responses are not held back by their length.",
  needs: [],
  ofLogProbs: "own",
  score: pointwise(scoreOf),
  // The sum can only fall, and is divided by at most the longest length.
  pruner: ({ maxTokens }) => boundPruner(scoreOf, ({ logProb }) => logProb / maxTokens, LOWEST_SCORE),
};
