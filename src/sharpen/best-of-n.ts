import { UsageError } from "../core/errors.js";
import { requireAbility } from "../policy/capabilities.js";
import type {
  PartialResponse,
  Policy,
  Prompt,
  Response,
  SampleRequest,
  SamplingOptions,
} from "../policy/policy.js";
import type { Pruner } from "../reward/pruning.js";
import { choose, type SelfReward } from "../reward/self-reward.js";
import type { AnswerEvent, Best, ChosenEvent, FinishedEvent, Scored } from "./answer-events.js";
import { EventQueue } from "./event-queue.js";
import { exactChoice, type ExactChoice, type Scores } from "./exact-choice.js";

export interface BestOfNOptions extends Pick<
  SamplingOptions,
  "temperature" | "maxTokens" | "seed" | "topP" | "minP" | "stop"
> {
  readonly reward: SelfReward;
  /** N ≥ 1. */
  readonly n: number;
  /** The task's answer extractor. Default: the whole text, trimmed. */
  readonly extract?: (text: string) => string | undefined;
  /**
   * Keep every response: nothing is pruned. Default false: a response that can no longer be chosen is dropped as soon as
   * that is certain (where the reward has a bound); the chosen one is the very same.
   */
  readonly keepAll?: boolean;
  /**
   * Draw the greedy response, too: one more candidate, with index −1. It is asked for first, so that most samples are dropped as soon as they
   * cannot beat it. Where the policy is `greedy`. Default false.
   */
  readonly withGreedy?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** @throws UsageError unless N is a whole number of at least 1. */
export function checkN(n: number): void {
  if (!Number.isInteger(n) || n < 1)
    throw new UsageError(`N must be a whole number of at least 1, not ${n}.`);
}

/**
 * Best-of-N (paper §2.1, Prop. C.1): draws y_1..y_N ~ π_base(·|x) for each prompt and chooses argmax r_self, the lowest
 * index on ties. Yields prompts as they are decided; rows that pruning frees go to the next prompts at once.
 * @throws UsageError for N < 1, or a reward that needs what the policy cannot give.
 * @example
 * ```ts
 * import { bestOfN, LocalPolicy, modelFolder, rewardNamed, findTask } from "whetstone";
 *
 * const policy = await LocalPolicy.load(modelFolder("game24"), { threads: 1 });
 * const { prompts, maxTokens, grade } = await findTask("game24");
 * const options = { reward: rewardNamed("self-certainty"), n: 20, temperature: 1, maxTokens, seed: 0 };
 * let right = 0;
 * for await (const { prompt, chosen } of bestOfN(policy, prompts("test").slice(0, 8), options)) {
 *   if (grade(prompt.id, chosen.text)) right++;
 * }
 * console.log(right > 0); // → true
 * await policy.dispose();
 * ```
 */
export async function* bestOfN(
  policy: Policy,
  prompts: Iterable<Prompt>,
  options: BestOfNOptions,
): AsyncGenerator<Best> {
  for await (const event of bestOfNEvents(policy, prompts, options)) {
    if (event.kind !== "chosen") continue;
    const { prompt, chosen, finished, scores, tokens } = event;
    yield { prompt, chosen, finished, scores, tokens };
  }
}

/**
 * Best-of-N as it goes: what is dropped, finished and chosen of each prompt, and with `progress` also what is drawn. The choices
 * are those of `bestOfN`. Whoever stops reading ends the drawing.
 * @throws as `bestOfN`.
 */
export async function* bestOfNEvents(
  policy: Policy,
  prompts: Iterable<Prompt>,
  options: BestOfNOptions & { readonly progress?: boolean },
): AsyncGenerator<AnswerEvent> {
  checkN(options.n);
  if (options.withGreedy) requireAbility(policy, "greedy", "The greedy response");
  const draw = new BestOfN(policy, options);
  const { temperature, maxTokens, seed, signal, keepAll = false, reward, progress = false } = options;
  const { topP, minP, stop } = options;
  const asked = [...prompts];
  // Requests are made as they are read, so that what a conversation needs is done before.
  for (const prompt of asked) if (prompt.messages) await policy.promptTokens?.(prompt);
  const responses = policy.sample(draw.requests(asked), {
    ...{ temperature, maxTokens, seed },
    ...(topP !== undefined && { topP }),
    ...(minP !== undefined && { minP }),
    ...(stop && { stop }),
    ...(signal && { signal }),
    // A rule that can never drop anything would only make the batch narrower.
    ...(!keepAll && reward.pruner && { abandon: (partial) => draw.abandon(partial) }),
  });
  const samples = responses[Symbol.asyncIterator]();
  let coming: Promise<IteratorResult<Response, unknown>> | undefined;
  try {
    for (;;) {
      coming ??= samples.next();
      const next = progress ? await Promise.race([coming, draw.queue.filled()]) : await coming;
      if (next) coming = undefined;
      if (next && next.done !== true) await draw.finish(next.value);
      yield* draw.queue.take();
      yield* draw.decided();
      if (next?.done === true) return;
    }
  } finally {
    draw.leave.abort();
    // What is still being drawn was cancelled, and ends at the next step.
    coming?.catch(() => undefined);
    await samples.return?.();
  }
}

/** What the greedy response is called among the samples. */
const GREEDY_INDEX = -1;

/** A prompt whose responses are being drawn. */
interface Open {
  readonly prompt: Prompt;
  readonly pruner: Pruner | undefined;
  readonly finished: Response[];
  /** Responses that are finished or dropped. */
  settled: number;
  tokens: number;
  leader: Scored | undefined;
}

/** The prompts at work, and the events that they give rise to. */
class BestOfN {
  readonly queue = new EventQueue();
  /** Cancels every request. */
  readonly leave = new AbortController();
  private readonly open = new Map<string, Open>();
  private readonly settled: Open[] = [];
  private readonly extract: (text: string) => string | undefined;
  /** Where the policy's weights are rounded, and the choice is not to be. */
  private readonly exact: ExactChoice | undefined;

  constructor(
    private readonly policy: Policy,
    private readonly options: BestOfNOptions & { readonly progress?: boolean },
  ) {
    this.extract = options.extract ?? ((text) => text.trim());
    this.exact = exactChoice(policy, options.reward);
  }

  /** How many candidates a prompt has. */
  private get n(): number {
    return this.options.n + (this.options.withGreedy ? 1 : 0);
  }

  *requests(prompts: Iterable<Prompt>): Generator<SampleRequest> {
    const { reward, maxTokens, keepAll, progress, withGreedy } = this.options;
    const { n } = this;
    const watched: Partial<SampleRequest> = progress
      ? { options: { signal: this.leave.signal, watcher: { drawn: this.queue.drawn.bind(this.queue) } } }
      : {};
    for (const prompt of prompts) {
      const plain = keepAll ? undefined : reward.pruner?.({ n, maxTokens, extract: this.extract });
      const pruner = plain && this.exact ? this.exact.pruner(plain) : plain;
      const state = { prompt, pruner, finished: [], settled: 0, tokens: 0, leader: undefined };
      this.open.set(prompt.id, state);
      if (withGreedy) yield { prompt, index: GREEDY_INDEX, options: { ...watched.options, greedy: true } };
      for (let index = 0; index < this.options.n; index++) yield { prompt, index, ...watched };
    }
  }

  abandon(partial: PartialResponse): boolean {
    const { promptId, index, length, logProb } = partial;
    const state = this.open.get(promptId)!;
    if (!state.pruner?.hopeless(partial)) return false;
    const ruling = state.pruner.why?.(partial);
    state.tokens += length;
    this.queue.push({ kind: "dropped", promptId, index, length, logProb, ...(ruling && { ruling }) });
    this.settle(state);
    return true;
  }

  async finish(response: Response): Promise<void> {
    const state = this.open.get(response.promptId)!;
    state.finished.push(response);
    state.tokens += response.logProbs.length;
    await this.exact?.measure(state.prompt, response);
    state.pruner?.finished(response);
    this.queue.push({
      ...{ kind: "finished", promptId: response.promptId, response },
      ...(this.options.progress ? await this.standing(state, response) : { out: [] }),
    });
    this.settle(state);
  }

  /** Who leads now, and who cannot be chosen any more on account of that. */
  private async standing(state: Open, { index }: Response): Promise<Pick<FinishedEvent, "leader" | "out">> {
    const { needs, randomized } = this.options.reward;
    // A score that is rounded would tell who leads now, and not who will have been chosen.
    if (needs.includes("policy") || randomized || this.exact) return { out: [] };
    const { best, finished, scores } = await this.score(state);
    const former = state.leader;
    const leader = { index: finished[best]!.index, score: scores[best]! };
    state.leader = leader;
    // Scores that depend on the pool may change with the next one.
    if (this.options.reward.chosenProbabilities !== undefined) return { leader, out: [] };
    if (leader.index !== index) return { leader, out: [index] };
    return { leader, out: former ? [former.index] : [] };
  }

  private async score({ prompt, finished }: Open): Promise<Scores> {
    finished.sort((a, b) => a.index - b.index);
    const { extract, policy, exact } = this;
    const pool = { prompt, responses: finished, extract, policy };
    if (exact) return exact.choose(pool);
    const scores = await this.options.reward.score(pool);
    return { finished, scores, best: choose(scores) };
  }

  private settle(state: Open): void {
    state.settled++;
    if (state.settled < this.n) return;
    this.open.delete(state.prompt.id);
    this.settled.push(state);
  }

  /** Chooses for the prompts all of whose responses are settled. */
  async *decided(): AsyncGenerator<ChosenEvent> {
    for (const state of this.settled.splice(0)) {
      const { finished, scores, best } = await this.score(state);
      yield {
        ...{ kind: "chosen", promptId: state.prompt.id, prompt: state.prompt },
        ...{ chosen: finished[best]!, finished, scores, tokens: state.tokens },
        ...whyChosen(finished, scores, best),
        open: this.n - finished.length,
      };
    }
  }
}

/** The choice's score and the best of the others. */
export function whyChosen(
  finished: readonly Response[],
  scores: readonly number[],
  best: number,
): Pick<ChosenEvent, "score" | "runnerUp"> {
  const rest = scores.map((score, i) => (i === best ? -Infinity : score));
  const second = choose(rest);
  return {
    score: scores[best]!,
    ...(finished.length > 1 && { runnerUp: { index: finished[second]!.index, score: rest[second]! } }),
  };
}
