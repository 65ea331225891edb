import type { Policy, Response } from "../policy/policy.js";
import { answerEvents } from "../sharpen/answer.js";
import type { AnswerEvent, ChosenEvent, DroppedEvent } from "../sharpen/answer-events.js";
import type { Question } from "./question.js";

/** A finished candidate. */
export interface Candidate {
  readonly response: Response;
  readonly score: number;
}

/** What came of a question. */
export interface Answered {
  readonly question: Question;
  /** The n best, the chosen one first. */
  readonly best: readonly Candidate[];
  /** All that were finished, by index. */
  readonly finished: readonly Candidate[];
  readonly dropped: readonly DroppedEvent[];
  /** Tokens drawn, those of dropped candidates included. */
  readonly drawn: number;
  /** Tokens of the prompt; 0 where the policy does not tell. */
  readonly promptTokens: number;
}

/** What happens while a question is answered. @throws as `answer`. */
export function eventsOf(
  question: Question,
  policy: Policy,
  { signal, progress }: { readonly signal: AbortSignal; readonly progress: boolean },
): AsyncGenerator<AnswerEvent> {
  const { prompt, bestOf, reward, extract, temperature, maxTokens, seed, keepAll } = question;
  return answerEvents(policy, prompt, {
    ...{ n: bestOf, reward, extract, temperature, seed, keepAll, signal, progress },
    ...(maxTokens !== undefined && { maxTokens }),
  });
}

/** Gathers what came of a question from its events. */
export class Gathering {
  private readonly dropped: DroppedEvent[] = [];
  private chosen: ChosenEvent | undefined;

  constructor(
    private readonly question: Question,
    private readonly policy: Policy,
  ) {}

  take(event: AnswerEvent): void {
    if (event.kind === "dropped") this.dropped.push(event);
    if (event.kind === "chosen") this.chosen = event;
  }

  /** To be called after the last event. */
  async answered(): Promise<Answered> {
    const { question, dropped } = this;
    const { finished, scores, tokens } = this.chosen!;
    const all = finished.map((response, i) => ({ response, score: scores[i]! }));
    // The first of equals, as `choose` has it: the sort is stable.
    const best = [...all].sort((a, b) => b.score - a.score).slice(0, question.n);
    const prompt = await this.policy.promptTokens?.(question.prompt);
    return { question, best, finished: all, dropped, drawn: tokens, promptTokens: prompt?.length ?? 0 };
  }
}
