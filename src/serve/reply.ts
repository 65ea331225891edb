import { tokensOf, type Answered } from "./answered.js";
import type { ApiError } from "./api-error.js";
import type { Question } from "./question.js";

/** What a reply is called, and when it was made, in seconds since 1970. */
export interface ReplyName {
  readonly id: string;
  readonly created: number;
}

/** An event of a stream: its data, and on some routes its name. */
export interface Frame {
  readonly event?: string;
  readonly data: object | "[DONE]";
}

/** How a route says what came of a question. */
export interface ReplyForm {
  /** The body of a whole reply. */
  whole(answered: Answered, name: ReplyName): object;
  /** @param includeUsage whether the stream is to end with the usage. */
  stream(question: Question, name: ReplyName, includeUsage: boolean): StreamForm;
}

/** How a route says it piece by piece. */
export interface StreamForm {
  begin(): readonly Frame[];
  /** More text of the first choice. */
  text(delta: string): readonly Frame[];
  /** Nothing new, so that nobody gives up; with `progress` where it was asked for. */
  beat(progress: object | undefined): readonly Frame[];
  /** The end. @param rest what the first choice has beyond what was sent. */
  end(answered: Answered, rest: string): readonly Frame[];
  error(error: ApiError): readonly Frame[];
}

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
export function whetstoneOf({
  question,
  best,
  finished,
  dropped,
  drawn,
  promptTokens,
  timedOut,
  power,
}: Answered): object {
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
    ...(question.power && {
      method: question.power.method,
      alpha: question.power.alpha,
      ...withoutTokens(power),
    }),
    ...(timedOut && { timed_out: true }),
  };
}

/** How candidates of π^α came about; their tokens are told among the others. */
function withoutTokens(power: Answered["power"]): object {
  const { tokens: _, ...found } = power ?? { tokens: 0 };
  return found;
}
