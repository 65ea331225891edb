import { sequenceLogProb, type Response } from "../policy/policy.js";
import { LOWEST_SCORE, pointwise } from "./pointwise.js";
import { boundPruner } from "./pruning.js";
import type { SelfReward } from "./self-reward.js";

const scoreOf = (response: Response): number =>
  response.logProbs.length === 0 ? LOWEST_SCORE : sequenceLogProb(response);

/** The score of a response by log-likelihood, at least `LOWEST_SCORE`: for rewards that build on it. */
export const logLikelihoodOf = (response: Response): number => Math.max(scoreOf(response), LOWEST_SCORE);

/**
 * Maximum-likelihood sharpening (paper eq. 2): r_self(y|x) = log π_base(y|x) in nats, the whole sequence, at temperature 1.
 * Pointwise. A response with no tokens, or with a token of probability zero, scores `LOWEST_SCORE`.
 */
export const logLikelihood: SelfReward = {
  name: "log-likelihood",
  description: "The whole response's log-probability under the base model at temperature 1.",
  needs: [],
  ofLogProbs: "own",
  score: pointwise(scoreOf),
  // Every further token can only lower the sum.
  pruner: () => boundPruner(scoreOf, ({ logProb }) => logProb, LOWEST_SCORE),
};
