import type { Answered, Candidate } from "./answering.js";

/** What a reply says for the client's books. */
export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/** Tokens of the prompt, once, and of the candidates: of all that were drawn, or of the choices alone. */
export function usageOf({ question, best, drawn, promptTokens }: Answered): Usage {
  const completion = question.counts === "all" ? drawn : tokensOf(best);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completion,
    total_tokens: promptTokens + completion,
  };
}

/** What whetstone says of the choice, beside OpenAI's fields. */
export function whetstoneOf({ question, best, finished, dropped, drawn, promptTokens }: Answered): object {
  const { reward, seed, shows } = question;
  const [chosen] = best;
  const told = [
    ...finished.map(({ response, score }) => ({
      index: response.index,
      score,
      tokens: response.logProbs.length,
      finish_reason: response.finish,
      ...(shows === "all" && { text: response.text }),
    })),
    ...dropped.map(({ index, length }) => ({
      ...{ index, score: null, tokens: length, finish_reason: null, pruned_at: length },
    })),
  ].sort((a, b) => a.index - b.index);
  return {
    ...{ reward: reward.name, seed, chosen: chosen!.response.index, score: chosen!.score },
    ...(shows !== "choice" && { candidates: told }),
    tokens: { prompt: promptTokens, drawn, chosen: tokensOf(best) },
    logprobs: "raw",
  };
}

const tokensOf = (candidates: readonly Candidate[]): number =>
  candidates.reduce((sum, { response }) => sum + response.logProbs.length, 0);
