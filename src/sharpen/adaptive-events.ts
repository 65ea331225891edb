import { sequenceLogProb, type Policy, type Prompt, type Response } from "../policy/policy.js";
import { adaptiveMu, chooseAdaptively, DEFAULT_DELTA, type AdaptiveOptions } from "./adaptive-best-of-n.js";
import type { AnswerEvent } from "./answer-events.js";
import { checkN, whyChosen, type BestOfNOptions } from "./best-of-n.js";

/** Draws at once, where nothing else is said. */
const ROUND = 8;

/**
 * Adaptive best-of-N of one prompt as it goes: what is finished, and the choice. The choice and its reasons are among the draws up to
 * the stop; those past it were drawn, and are counted in `tokens` alone.
 * @param options `n` is the cap.
 * @throws UsageError for δ outside (0, 1), or an N or round that is not a whole number of at least 1.
 */
export async function* adaptiveEvents(
  policy: Policy,
  prompt: Prompt,
  options: Omit<BestOfNOptions, "reward"> & Pick<AdaptiveOptions, "delta" | "round">,
): AsyncGenerator<AnswerEvent> {
  const { n, delta = DEFAULT_DELTA, round = ROUND, temperature, maxTokens, seed, signal } = options;
  const { topP, minP, stop } = options;
  const mu = adaptiveMu(delta);
  checkN(n);
  checkN(round);
  const promptId = prompt.id;
  if (prompt.messages) await policy.promptTokens?.(prompt);
  const responses: Response[] = [];
  for (let from = 0; ; from += round) {
    const until = Math.min(n, from + round);
    const requests = Array.from({ length: until - from }, (_, i) => ({ prompt, index: from + i }));
    const samples = policy.sample(requests, {
      ...{ temperature, maxTokens, seed },
      ...(topP !== undefined && { topP }),
      ...(minP !== undefined && { minP }),
      ...(stop && { stop }),
      ...(signal && { signal }),
    });
    for await (const response of samples) {
      responses[response.index] = response;
      yield { kind: "finished", promptId, response, out: [] };
    }
    const { chosen, drawn, capped } = chooseAdaptively(responses, mu);
    if (capped && until < n) continue;
    const finished = responses.slice(0, drawn);
    const scores = finished.map(sequenceLogProb);
    yield {
      ...{ kind: "chosen", promptId, prompt, chosen, finished, scores, open: 0 },
      tokens: responses.reduce((sum, { logProbs }) => sum + logProbs.length, 0),
      adaptive: { drawn, wasted: until - drawn, capped },
      ...whyChosen(finished, scores, finished.indexOf(chosen)),
    };
    return;
  }
}
