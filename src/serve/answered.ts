import type { Policy, Prompt, RequestWatcher, Response } from "../policy/policy.js";
import type { AnswerEvent, ChosenEvent, DroppedEvent } from "../sharpen/answer-events.js";
import { ApiError } from "./api-error.js";
import { entriesOf, type TokenEntry } from "./logprobs.js";
import type { Question } from "./question.js";

/** A finished candidate. */
export interface Candidate {
  readonly response: Response;
  readonly score: number;
  /** Its tokens, where they are asked for. */
  readonly entries?: readonly TokenEntry[];
}

/** What came of a question. */
export interface Answered {
  readonly question: Question;
  /** The n best, the chosen one first. */
  readonly best: readonly Candidate[];
  /** All that were finished, by index. */
  readonly finished: readonly Candidate[];
  readonly dropped: readonly Pick<DroppedEvent, "index" | "length">[];
  /** Tokens drawn, those of dropped candidates included. */
  readonly drawn: number;
  /** Tokens of the prompt; 0 where nobody tells. */
  readonly promptTokens: number;
  /** How candidates of π^α came about. */
  readonly power?: NonNullable<ChosenEvent["power"]>;
  /** How many the adaptive rule asked for. */
  readonly adaptive?: NonNullable<ChosenEvent["adaptive"]>;
  /** Whether time ran out: the choice is among those that were finished by then. */
  readonly timedOut: boolean;
}

/** Gathers what came of a question from its events. */
export class Gathering {
  /** To be told of what is drawn. */
  readonly watcher: RequestWatcher = {
    drawn: ({ index, length }) => void this.lengths.set(index, length),
    used: ({ prompt, completion }) => {
      this.prompt = Math.max(this.prompt, prompt);
      this.counted += completion;
    },
    ended: (response) => {
      if (response) this.lengths.delete(response.index);
    },
  };
  /** What servers counted: tokens of the prompt, and of replies that came whole. */
  private prompt = 0;
  private counted = 0;
  /** Tokens of unfinished candidates. */
  private readonly lengths = new Map<number, number>();
  private readonly finished: Response[] = [];
  private chosen: ChosenEvent | undefined;

  constructor(
    private readonly question: Question,
    private readonly policy: Policy,
  ) {}

  take(event: AnswerEvent): void {
    if (event.kind === "dropped") this.lengths.set(event.index, event.length);
    if (event.kind === "finished") this.finished.push(event.response);
    if (event.kind === "chosen") this.chosen = event;
  }

  /** Tokens of candidates that are whole. */
  private get tokensWhole(): number {
    return this.finished.reduce((sum, { logProbs }) => sum + logProbs.length, 0);
  }

  /**
   * What came of it, once all events were taken or time ran out.
   * @param sent what the client has been shown: the choice begins with it.
   * @throws ApiError where nothing was finished that does.
   */
  async answered(sent = ""): Promise<Answered> {
    const { question, policy, chosen } = this;
    const { prompt, reward, extract, n, logProbs } = question;
    const responses = chosen?.finished ?? this.finished.sort((a, b) => a.index - b.index);
    if (responses.length === 0)
      throw new ApiError(504, "No candidate was whole in time; allow more time, or fewer tokens.", {
        code: "deadline_exceeded",
      });
    const scores = chosen?.scores ?? (await reward.score({ prompt, responses, extract, policy }));
    const all = responses.map((response, i) => ({ response, score: scores[i]! }));
    // The first of equals, as `choose` has it: the sort is stable.
    const ranked = [...all].sort((a, b) => b.score - a.score);
    // A server that broke off may have gone on otherwise at the second try.
    const first = ranked.find(({ response }) => response.text.startsWith(sent));
    if (!first)
      throw new ApiError(502, "The servers took back what they had begun.", { code: "upstream_error" });
    const dropped = [...this.lengths].map(([index, length]) => ({ index, length }));
    const unfinished = dropped.reduce((sum, { length }) => sum + length, 0);
    const best = [first, ...ranked.filter((each) => each !== first)].slice(0, n);
    return {
      question,
      best:
        logProbs === undefined
          ? best
          : await Promise.all(best.map((one) => withEntries(policy, prompt, one, logProbs))),
      finished: all,
      dropped: chosen?.power ? [] : dropped,
      drawn: chosen?.power?.tokens ?? unfinished + (this.counted || this.tokensWhole),
      promptTokens: (await policy.promptTokens?.(prompt))?.length ?? this.prompt,
      timedOut: chosen === undefined,
      ...(chosen?.power && { power: chosen.power }),
      ...(chosen?.adaptive && { adaptive: chosen.adaptive }),
    };
  }
}

async function withEntries(
  policy: Policy,
  prompt: Prompt,
  one: Candidate,
  likeliest: number,
): Promise<Candidate> {
  return { ...one, entries: await entriesOf(policy, prompt, one.response, likeliest) };
}

/** Tokens of candidates. */
export function tokensOf(candidates: readonly Candidate[]): number {
  return candidates.reduce((sum, { response }) => sum + response.logProbs.length, 0);
}

/** Tokens of all that came of a request: of each prompt once, of all that were drawn, and of the choices. */
export function totals(answered: readonly Answered[]): {
  readonly prompt: number;
  readonly drawn: number;
  readonly chosen: number;
} {
  const sum = (count: (one: Answered) => number): number =>
    answered.reduce((all, one) => all + count(one), 0);
  return {
    prompt: sum(({ promptTokens }) => promptTokens),
    drawn: sum(({ drawn }) => drawn),
    chosen: sum(({ best }) => tokensOf(best)),
  };
}
