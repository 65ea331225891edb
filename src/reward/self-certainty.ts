import { UsageError } from "../core/errors.js";
import type { Response } from "../policy/policy.js";
import { meanOr, pointwise } from "./pointwise.js";
import type { SelfReward } from "./self-reward.js";

/**
 * The mean certainty of a response's tokens in nats; 0 for none.
 * @param reward the name of the reward that asks. @throws UsageError where the response has no `certainties`.
 */
export function certaintyOf({ certainties, index, promptId }: Response, reward: string): number {
  if (certainties === undefined) {
    throw new UsageError(
      `The reward ${reward} needs the certainty of every token, but response ${String(index)} to prompt ` +
        `"${promptId}" has none: use a model that reports the whole distribution, or another reward.`,
    );
  }
  return meanOr(certainties, 0);
}

/**
 * Self-certainty (arXiv 2502.18581; paper §1.1): the mean over response tokens of KL(uniform ‖ p_t), in nats, p_t the
 * base model's distribution at temperature 1. Pointwise, ≥ 0; a response with no tokens scores 0, the lowest value.
 * `score` rejects with UsageError where a response has no `certainties`.
 */
export const selfCertainty: SelfReward = {
  name: "self-certainty",
  description: "How far the model's distribution was from uniform, on average over the response's tokens.",
  needs: ["certainties"],
  score: pointwise((response) => certaintyOf(response, "self-certainty")),
};
