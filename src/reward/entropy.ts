import { UsageError } from "../core/errors.js";
import { tellsEntropies } from "../policy/policy.js";
import { LOWEST_SCORE, meanOr } from "./pointwise.js";
import type { SelfReward } from "./self-reward.js";

/**
 * Minus the mean entropy of the distributions that a response's tokens were drawn from (RENT, arXiv 2505.22660): −(1/n)·Σ_t H(p_t) in
 * nats, p_t the base model's distribution at temperature 1. Between −log V and 0; a response without tokens scores `LOWEST_SCORE`, since
 * it shows no certainty. Length-normalized log-likelihood is its estimate from the token that was drawn alone; this sees the
 * others too. Pointwise. Responses hold no entropies: the model reads them once more.
 * `score` rejects with UsageError where the pool's policy cannot tell entropies.
 */
export const entropy: SelfReward = {
  name: "entropy",
  description: "Minus the entropy of the model's distributions, on average over the response's tokens.",
  needs: ["policy", "entropies"],
  ofLogProbs: "none",
  score: async ({ prompt, responses, policy }) => {
    if (policy === undefined || !tellsEntropies(policy)) {
      throw new UsageError(
        `The reward entropy needs a model that tells the entropy of every token's distribution, but the responses to prompt ` +
          `"${prompt.id}" came without one: use a local model, or another reward.`,
      );
    }
    const rows = await policy.entropies(responses.map(({ tokens }) => ({ prompt, tokens })));
    return rows.map((row) => (row.length === 0 ? LOWEST_SCORE : -meanOr([...row], 0)));
  },
};
