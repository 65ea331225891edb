import { UsageError } from "../core/errors.js";
import {
  sequenceLogProb,
  type Policy,
  type Prompt,
  type Response,
  type SamplingOptions,
} from "../policy/policy.js";

export interface AdaptiveOptions extends Pick<SamplingOptions, "temperature" | "maxTokens" | "seed"> {
  /** δ in (0, 1): the rule uses μ = ln(2/δ). Default 0.1. */
  readonly delta?: number;
  /** The most draws a prompt gets; on long texts max π is tiny and the rule alone would never stop. Default 50. */
  readonly cap?: number;
  /** Draws a prompt gets at once; draws past the stop are wasted, not used. Default 8. */
  readonly round?: number;
  readonly signal?: AbortSignal | undefined;
}

/** What adaptive best-of-N chose for a prompt. */
export interface AdaptiveBest {
  readonly prompt: Prompt;
  readonly chosen: Response;
  /** N_μ(x), or the cap. */
  readonly drawn: number;
  /** Draws past the stop, made because they come in rounds. */
  readonly wasted: number;
  /** Whether the cap was hit before the rule fired. */
  readonly capped: boolean;
}

/**
 * N_μ(x) = inf{k : 1/max_{j≤k} π_base(y_j|x) ≤ k/μ} (paper App. D, eq. 10), from the log-probabilities in the order drawn;
 * undefined if the rule does not fire on them.
 */
export function stoppingTime(logProbs: readonly number[], mu: number): number | undefined {
  let best = -Infinity;
  for (let k = 1; k <= logProbs.length; k++) {
    best = Math.max(best, logProbs[k - 1]!);
    if (-best <= Math.log(k) - Math.log(mu)) return k;
  }
  return undefined;
}

/**
 * Adaptive best-of-N by log-likelihood (paper App. D): each prompt draws until the best probability so far makes a better
 * unseen response unlikely, and the best of those draws is chosen. The draws are those of best-of-N with the same seed.
 * @throws UsageError for δ outside (0, 1) or a cap below 1.
 */
export async function adaptiveBestOfN(
  policy: Policy,
  prompts: readonly Prompt[],
  options: AdaptiveOptions,
): Promise<AdaptiveBest[]> {
  const { delta = 0.1, cap = 50, round = 8, temperature, maxTokens, seed, signal } = options;
  if (!(delta > 0 && delta < 1)) throw new UsageError(`δ must be between 0 and 1, not ${delta}.`);
  if (!Number.isInteger(cap) || cap < 1)
    throw new UsageError(`The cap must be a whole number of at least 1, not ${cap}.`);
  const mu = Math.log(2 / delta);
  const draws = new Map<string, Response[]>(prompts.map((prompt) => [prompt.id, []]));
  const results = new Map<string, AdaptiveBest>();
  for (let drawn = 0; drawn < cap && results.size < prompts.length; drawn += round) {
    const until = Math.min(cap, drawn + round);
    const open = prompts.filter((prompt) => !results.has(prompt.id));
    const requests = open.flatMap((prompt) =>
      Array.from({ length: until - drawn }, (_, i) => ({ prompt, index: drawn + i })),
    );
    for await (const response of policy.sample(requests, {
      temperature,
      maxTokens,
      seed,
      ...(signal && { signal }),
    })) {
      draws.get(response.promptId)![response.index] = response;
    }
    for (const prompt of open) {
      const responses = draws.get(prompt.id)!;
      const stop = stoppingTime(responses.map(sequenceLogProb), mu);
      if (stop === undefined && until < cap) continue;
      const used = responses.slice(0, stop ?? cap);
      const chosen = used.reduce((best, y) => (sequenceLogProb(y) > sequenceLogProb(best) ? y : best));
      const wasted = responses.length - used.length;
      results.set(prompt.id, { prompt, chosen, drawn: used.length, wasted, capped: stop === undefined });
    }
  }
  return prompts.map((prompt) => results.get(prompt.id)!);
}
