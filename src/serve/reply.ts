import { tokensOf, totals, type Answered } from "./answered.js";
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
  /** The body of a whole reply, of one prompt or several. */
  whole(answered: readonly Answered[], name: ReplyName): object;
  /** @param includeUsage whether the stream is to end with the usage. */
  stream(questions: readonly Question[], name: ReplyName, includeUsage: boolean): StreamForm;
}

/** How a route says it piece by piece; `at` is the number of the prompt. */
export interface StreamForm {
  begin(): readonly Frame[];
  /** More text of a prompt's first choice. */
  text(delta: string, at: number): readonly Frame[];
  /** Nothing new, so that nobody gives up; with `progress` where it was asked for. */
  beat(progress: object | undefined, at: number): readonly Frame[];
  /** The end of a prompt. @param rest what the first choice has beyond what was sent. */
  end(answered: Answered, rest: string, at: number): readonly Frame[];
  /** The end of all. */
  close(answered: readonly Answered[]): readonly Frame[];
  error(error: ApiError): readonly Frame[];
}

/** What a reply says for the client's books. */
export interface Usage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/** Tokens of each prompt, once, and of the candidates: of all that were drawn, or of the choices alone. */
export function usageOf(answered: readonly Answered[]): Usage {
  const { prompt, drawn, chosen } = totals(answered);
  // All prompts of a request have its fields.
  const completion = answered[0]!.question.counts === "all" ? drawn : chosen;
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion };
}

/** What whetstone says of the choices: of one prompt, or a list of several. */
export function whetstoneOfAll(answered: readonly Answered[]): object {
  return answered.length === 1 ? whetstoneOf(answered[0]!) : answered.map(whetstoneOf);
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
  adaptive,
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
    ...(question.adaptive && { method: "adaptive", delta: question.adaptive.delta, ...adaptive }),
    ...(timedOut && { timed_out: true }),
  };
}

/** How candidates of π^α came about; their tokens are told among the others. */
function withoutTokens(power: Answered["power"]): object {
  const { tokens: _, ...found } = power ?? { tokens: 0 };
  return found;
}
