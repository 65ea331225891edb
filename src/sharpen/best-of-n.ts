import { UsageError } from "../core/errors.js";
import type {
  PartialResponse,
  Policy,
  Prompt,
  Response,
  SampleRequest,
  SamplingOptions,
} from "../policy/policy.js";
import type { Pruner } from "../reward/pruning.js";
import { choose, type Pool, type SelfReward } from "../reward/self-reward.js";

export interface BestOfNOptions extends Pick<SamplingOptions, "temperature" | "maxTokens" | "seed"> {
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
  readonly signal?: AbortSignal | undefined;
}

/** What best-of-N chose for a prompt. */
export interface Best {
  readonly prompt: Prompt;
  readonly chosen: Response;
  /** Responses that were finished: all N when nothing was pruned, by index. */
  readonly finished: readonly Response[];
  /** The scores of `finished`. */
  readonly scores: readonly number[];
  /** Tokens drawn, those of dropped responses included. */
  readonly tokens: number;
}

/** @throws UsageError unless N is a whole number of at least 1. */
export function checkN(n: number): void {
  if (!Number.isInteger(n) || n < 1)
    throw new UsageError(`N must be a whole number of at least 1, not ${n}.`);
}

/** A prompt whose responses are being drawn. */
interface Open {
  readonly prompt: Prompt;
  readonly pruner: Pruner | undefined;
  readonly finished: Response[];
  /** Responses that are finished or dropped. */
  settled: number;
  tokens: number;
}

/**
 * Best-of-N (paper §2.1, Prop. C.1): draws y_1..y_N ~ π_base(·|x) for each prompt and chooses argmax r_self, the lowest
 * index on ties. Yields prompts as they are decided; rows that pruning frees go to the next prompts at once.
 * @throws UsageError for N < 1, or a reward that needs what the policy cannot give.
 */
export async function* bestOfN(
  policy: Policy,
  prompts: Iterable<Prompt>,
  options: BestOfNOptions,
): AsyncGenerator<Best> {
  const { reward, n, keepAll = false, extract = (text: string) => text.trim() } = options;
  checkN(n);
  const open = new Map<string, Open>();
  const decided: Open[] = [];
  const settle = (state: Open): void => {
    state.settled++;
    if (state.settled < n) return;
    open.delete(state.prompt.id);
    decided.push(state);
  };
  function* requests(): Generator<SampleRequest> {
    for (const prompt of prompts) {
      const pruner = keepAll ? undefined : reward.pruner?.({ n, maxTokens: options.maxTokens, extract });
      open.set(prompt.id, { prompt, pruner, finished: [], settled: 0, tokens: 0 });
      for (let index = 0; index < n; index++) yield { prompt, index };
    }
  }
  const abandon = (partial: PartialResponse): boolean => {
    const state = open.get(partial.promptId)!;
    if (!state.pruner?.hopeless(partial)) return false;
    state.tokens += partial.length;
    settle(state);
    return true;
  };
  const samples = policy.sample(requests(), {
    temperature: options.temperature,
    maxTokens: options.maxTokens,
    seed: options.seed,
    ...(options.signal && { signal: options.signal }),
    // A rule that can never drop anything would only make the batch narrower.
    ...(!keepAll && reward.pruner && { abandon }),
  });
  for await (const response of samples) {
    const state = open.get(response.promptId)!;
    state.finished.push(response);
    state.tokens += response.logProbs.length;
    state.pruner?.finished(response);
    settle(state);
    for (const ready of decided.splice(0)) yield await decide(ready, reward, extract, policy);
  }
  for (const ready of decided.splice(0)) yield await decide(ready, reward, extract, policy);
}

async function decide(
  state: Open,
  reward: SelfReward,
  extract: NonNullable<BestOfNOptions["extract"]>,
  policy: Policy,
): Promise<Best> {
  const { prompt, tokens } = state;
  const finished = state.finished.sort((a, b) => a.index - b.index);
  const pool: Pool = { prompt, responses: finished, extract, policy };
  const scores = await reward.score(pool);
  return { prompt, chosen: finished[choose(scores)]!, finished, scores, tokens };
}
