import { UsageError } from "../core/errors.js";
import {
  sequenceLogProb,
  type Policy,
  type Prompt,
  type Response,
  type SampleRequest,
  type SamplingOptions,
} from "../policy/policy.js";
import { choose } from "../reward/self-reward.js";

/** δ where none is given. */
export const DEFAULT_DELTA = 0.1;

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
 * @example
 * ```ts
 * import { stoppingTime } from "whetstone";
 * // A response of probability 1/2 is enough once 2 ≤ k/μ.
 * console.log(stoppingTime([-2, Math.log(0.5), -1, -3], 1.4)); // → 3
 * ```
 */
export function stoppingTime(logProbs: readonly number[], mu: number): number | undefined {
  let best = -Infinity;
  for (let k = 1; k <= logProbs.length; k++) {
    best = Math.max(best, logProbs[k - 1]!);
    if (-best <= Math.log(k) - Math.log(mu)) return k;
  }
  return undefined;
}

/** μ = ln(2/δ). @throws UsageError for δ outside (0, 1). */
export function adaptiveMu(delta: number): number {
  if (!(delta > 0 && delta < 1)) throw new UsageError(`δ must be between 0 and 1, not ${delta}.`);
  return Math.log(2 / delta);
}

/**
 * What the rule chooses among responses that are drawn already, in the order drawn: their number is the cap.
 * @param responses at least one.
 */
export function chooseAdaptively(
  responses: readonly Response[],
  mu: number,
): Pick<AdaptiveBest, "chosen" | "drawn" | "capped"> {
  const logProbs = responses.map(sequenceLogProb);
  const stop = stoppingTime(logProbs, mu);
  const drawn = stop ?? responses.length;
  return { chosen: responses[choose(logProbs.slice(0, drawn))]!, drawn, capped: stop === undefined };
}

/**
 * Adaptive best-of-N by log-likelihood (paper App. D): each prompt draws until the best probability so far makes a better
 * unseen response unlikely, and the best of those draws is chosen. The draws are those of best-of-N with the same seed.
 * @throws UsageError for δ outside (0, 1), or a cap or round that is not a whole number of at least 1.
 */
export async function adaptiveBestOfN(
  policy: Policy,
  prompts: readonly Prompt[],
  options: AdaptiveOptions,
): Promise<AdaptiveBest[]> {
  const { delta = DEFAULT_DELTA, cap = 50, round = 8, temperature, maxTokens, seed, signal } = options;
  const draws = new Map<string, Response[]>(prompts.map((prompt) => [prompt.id, []]));
  return drawAdaptively(prompts, { delta, cap, round }, async (requests) => {
    const drawing = { temperature, maxTokens, seed, ...(signal && { signal }) };
    for await (const response of policy.sample(requests, drawing))
      draws.get(response.promptId)![response.index] = response;
    return draws;
  });
}

/**
 * The rounds of adaptive best-of-N, whoever draws: each asks for the next responses to the prompts whose rule has not fired.
 * @param draw draws these; returns by prompt at least all responses asked for so far, by index.
 * @throws as `adaptiveBestOfN`.
 */
export async function drawAdaptively(
  prompts: readonly Prompt[],
  { delta, cap, round }: Readonly<Record<"delta" | "cap" | "round", number>>,
  draw: (requests: readonly SampleRequest[]) => Promise<ReadonlyMap<string, readonly Response[]>>,
): Promise<AdaptiveBest[]> {
  const mu = adaptiveMu(delta);
  for (const [name, value] of Object.entries({ cap, round })) {
    if (!Number.isInteger(value) || value < 1)
      throw new UsageError(`The ${name} must be a whole number of at least 1, not ${value}.`);
  }
  const results = new Map<string, AdaptiveBest>();
  for (let drawn = 0; drawn < cap && results.size < prompts.length; drawn += round) {
    const until = Math.min(cap, drawn + round);
    const open = prompts.filter((prompt) => !results.has(prompt.id));
    const drawings = await draw(
      open.flatMap((prompt) =>
        Array.from({ length: until - drawn }, (_, i) => ({ prompt, index: drawn + i })),
      ),
    );
    for (const prompt of open) {
      const responses = drawings.get(prompt.id)!.slice(0, until);
      const choice = chooseAdaptively(responses, mu);
      if (choice.capped && until < cap) continue;
      results.set(prompt.id, { prompt, ...choice, wasted: responses.length - choice.drawn });
    }
  }
  return prompts.map((prompt) => results.get(prompt.id)!);
}
