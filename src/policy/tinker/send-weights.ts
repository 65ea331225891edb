import type { ScoreRequest } from "../policy.js";
import type { BaseText } from "./base-text.js";
import type { Reduction } from "./reduction.js";
import type { TinkerModel } from "./session.js";
import { scoreOn } from "./tinker-policy.js";

/**
 * Adds the gradient of −Σ weight · log π to what a model's next step takes, whatever the server makes of a loss per token.
 *
 * A server that averages (over sequences, each one's tokens over its mask) knows no negative weights. It gets a whole batch at once, as
 * importance sampling: the ratio is 1 where the sampling probabilities are the present ones, and so advantages are weights of tokens,
 * whatever their sign, once they are multiplied by what is divided by.
 * @param sequences where the server averages, all of the batch.
 * @returns log π of each token, before the step.
 */
export async function sendWeights(
  model: TinkerModel,
  base: BaseText,
  reduction: Reduction,
  sequences: readonly ScoreRequest[],
  weights: readonly (readonly number[])[],
): Promise<number[][]> {
  if (reduction === "sum") {
    const made = await base.sequences(sequences, (_, i) => ({ weights: weights[i]! }));
    return model.pass(made, { loss: "cross_entropy", forwardOnly: false });
  }
  const now = await scoreOn(model, base, sequences);
  const made = await base.sequences(sequences, ({ tokens }, i) => ({
    weights: tokens.map(() => 1),
    logprobs: now[i]!,
    advantages: weights[i]!.map((weight) => weight * tokens.length * sequences.length),
  }));
  await model.pass(made, { loss: "importance_sampling", forwardOnly: false });
  return now;
}
