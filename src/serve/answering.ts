import { setMaxListeners } from "node:events";
import { checkTemperature, requireAbility } from "../policy/capabilities.js";
import type { Policy } from "../policy/policy.js";
import { ASK_FOR_FEWER } from "../policy/remote/server-kinds.js";
import { answerEvents, answerRoom } from "../sharpen/answer.js";
import type { AnswerEvent } from "../sharpen/answer-events.js";
import { checkRewards } from "../sharpen/sharpen-task.js";
import { Admission, shared, type AdmissionLimits, type Ticket } from "./admission.js";
import { Gathering, type Answered } from "./answered.js";
import { refused, shuttingDown } from "./api-error.js";
import { joined } from "./joined.js";
import type { Question } from "./question.js";
import { SharedPolicy } from "./shared-policy.js";

export interface AnsweringLimits extends AdmissionLimits {
  /** The most candidates of one request, of all its prompts together. */
  readonly candidates: number;
  /** The longest that a request may take, in milliseconds, its waiting included. */
  readonly longestMs: number;
}

/** A question that can be answered, with a ticket of its own. */
export interface AskedOne {
  readonly question: Question;
  readonly maxTokens: number;
  readonly ticket: Ticket;
}

/** The questions of one request, which was let in: they have one place among them, which the last to leave gives up. */
export type Asked = readonly AskedOne[];

/** Answers questions, several at once, all of them drawn by one policy. */
export class Answering {
  readonly admission: Admission;
  private readonly shared: SharedPolicy;
  private readonly end = new AbortController();

  constructor(
    private readonly policy: Policy,
    private readonly limits: AnsweringLimits,
  ) {
    this.admission = new Admission(limits);
    this.shared = new SharedPolicy(policy);
    // Every request listens to it, and Node would take more than ten for a leak.
    setMaxListeners(0, this.end.signal);
  }

  /** Requests and candidates that are at work. */
  get standing(): {
    readonly answering: number;
    readonly waiting: number;
    readonly responses: number;
  } {
    return { ...this.admission.standing, responses: this.shared.standing.responses };
  }

  /**
   * Lets the questions of a request in. Their tickets have to be given back: `answer` and `leave` do.
   * @throws UsageError where the policy cannot do what is asked; ApiError where the model has no room for it, or too many wait.
   */
  async ask(questions: readonly Question[]): Promise<Asked> {
    const candidates = questions.reduce((sum, { bestOf }) => sum + bestOf, 0);
    if (candidates > this.limits.candidates)
      throw refused(
        "prompt",
        `These prompts ask for ${candidates} candidates, and this server draws at most ${this.limits.candidates} for one request: ` +
          "give fewer prompts, or a smaller best_of.",
      );
    const rooms = await Promise.all(questions.map((question) => this.roomFor(question)));
    const tickets = shared(this.admission.take(), questions.length);
    return questions.map((question, at) => ({
      ...{ question, maxTokens: rooms[at]!, ticket: tickets[at]! },
    }));
  }

  /** The longest candidate that can be had. @throws as `ask`. */
  private async roomFor(question: Question): Promise<number> {
    const { policy } = this;
    const { reward, prompt, temperature, maxTokens, power, logProbs } = question;
    checkRewards([reward], policy);
    if (temperature === 0) requireAbility(policy, "greedy", "The greedy response");
    else checkTemperature(policy, temperature);
    if (power) requireAbility(policy, "continues", `The method ${power.method}`);
    if (logProbs !== undefined) checkTells(policy, logProbs);
    const tokens = (await policy.promptTokens?.(prompt))?.length ?? 0;
    const wanted = maxTokens ?? 1;
    if (tokens + wanted > policy.can.longest)
      throw refused(
        "max_tokens",
        `The prompt has ${tokens} tokens; with ${wanted} more it is longer than the ${policy.can.longest} that ${policy.name} can hold.`,
        "context_length_exceeded",
      );
    return maxTokens ?? answerRoom(policy, prompt);
  }

  /**
   * What happens while a question is answered.
   * @param gathering takes the events too, and knows in the end what came of it.
   * @throws ApiError, and what drawing throws.
   */
  async *events(
    { question, maxTokens, ticket }: AskedOne,
    { gathering, client, progress }: { gathering: Gathering; client: AbortSignal; progress: boolean },
  ): AsyncGenerator<AnswerEvent> {
    const deadline = new AbortController();
    const longest = Math.min(question.deadlineMs ?? Infinity, this.limits.longestMs);
    const timer = setTimeout(() => deadline.abort(), longest);
    const { signal, release } = joined([client, this.end.signal, deadline.signal]);
    const { prompt, bestOf, reward, extract, temperature, seed, keepAll, power, adaptive, limits } = question;
    const greedy = temperature === 0;
    const policy = this.shared.caller({ watcher: gathering.watcher, ...(greedy && { greedy }) });
    try {
      await ticket.enter(signal);
      const events = answerEvents(policy, prompt, {
        ...{ n: bestOf, reward, extract, seed, keepAll, maxTokens, signal, progress },
        temperature: greedy ? 1 : temperature,
        ...limits,
        ...(power && { power }),
        ...(adaptive && { adaptive }),
      });
      for await (const event of events) {
        gathering.take(event);
        yield event;
      }
    } catch (error) {
      if (this.end.signal.aborted) throw shuttingDown();
      // What is whole by then is chosen from.
      if (!deadline.signal.aborted || client.aborted) throw error;
    } finally {
      clearTimeout(timer);
      release();
      ticket.leave();
    }
  }

  /** What came of each question, without watching; where one fails, the others are broken off. @throws as `events`. */
  async answer(asked: Asked, client: AbortSignal): Promise<Answered[]> {
    const failed = new AbortController();
    const { signal, release } = joined([client, failed.signal]);
    const answerOne = async (one: AskedOne): Promise<Answered> => {
      const gathering = this.gather(one);
      try {
        for await (const _ of this.events(one, { gathering, client: signal, progress: false }));
        return await gathering.answered();
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    };
    try {
      return await Promise.all(asked.map(answerOne));
    } finally {
      release();
    }
  }

  /** What takes the events of a question. */
  gather({ question }: AskedOne): Gathering {
    return new Gathering(question, this.policy);
  }

  /** Lets nobody else in, waits until all is answered, but no longer than this, and breaks off the rest. */
  async close(patienceMs: number): Promise<void> {
    const drained = this.admission.drain();
    const timer = setTimeout(() => this.end.abort(), patienceMs);
    await drained;
    clearTimeout(timer);
    await this.shared.close();
  }
}

/** @throws ApiError where the policy does not tell its tokens, or fewer of the likeliest. */
function checkTells(policy: Policy, likeliest: number): void {
  const { name, can } = policy;
  if (!policy.pieces) throw refused("logprobs", `${name} does not tell its tokens: leave out logprobs.`);
  if (likeliest <= can.likeliest) return;
  const most =
    can.likeliest === 0
      ? "the tokens that were drawn alone"
      : `at most ${can.likeliest} of the likeliest tokens`;
  throw refused("logprobs", `${name} tells ${most}, and ${likeliest} ${ASK_FOR_FEWER} ${can.likeliest}.`);
}
