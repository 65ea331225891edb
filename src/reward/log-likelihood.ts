import { sequenceLogProb } from "../policy/policy.js";
import { LOWEST_SCORE, pointwise } from "./pointwise.js";
import type { SelfReward } from "./self-reward.js";

/**
 * Maximum-likelihood sharpening (paper eq. 2): r_self(y|x) = log π_base(y|x) in nats, the whole sequence, at temperature 1.
 * Pointwise. A response with no tokens, or with a token of probability zero, scores `LOWEST_SCORE`.
 */
export const logLikelihood: SelfReward = {
  name: "log-likelihood",
  description: "The whole response's log-probability under the base model at temperature 1.",
  needs: [],
  score: pointwise((response) => (response.logProbs.length === 0 ? LOWEST_SCORE : sequenceLogProb(response))),
};
