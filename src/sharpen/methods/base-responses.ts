import { join } from "node:path";
import { UsageError } from "../../core/errors.js";
import { sequenceLogProb, type Prompt, type Response } from "../../policy/policy.js";
import { choose, type Pool, type SelfReward } from "../../reward/self-reward.js";
import { responseRecords, selectionKey, selectionRecords } from "../../run/records.js";
import { firstOf, sharedDraws, type SharedDraws } from "../draw.js";
import { throwIfStopped } from "../interrupt.js";
import type { PairExample, Pairing, RewardedResponse } from "../pairs.js";
import type { MethodContext } from "./method.js";
import type { MethodOption } from "./options.js";

/** Responses per validation prompt of methods that learn from pairs: the loss on few pairs would choose the iterate by chance. */
export const VALIDATION_RESPONSES = 8;

/** β of the methods that regress on reward gaps. */
export const BETA = {
  name: "beta",
  flags: "--beta <number>",
  symbol: "β",
  help: "β, the strength of the KL term: the target is π·exp(r/β)",
  range: "positive",
} as const satisfies Partial<MethodOption>;

/** Responses per training prompt of methods that learn from pairs: 2 is the paper's (§2.2). */
export const PAIRED = { default: 2, least: 2, source: "paper §2.2" } as const;

/** What such methods draw from the base: a superset of what any of them needs. */
export const BASE_DRAWS = { name: "training-responses.jsonl", bySettings: false } as const;

/** Scores this low do not rate a response but rule it out (`LOWEST_SCORE`, and what such rewards put beside it). */
const RULED_OUT = -1e8;

/**
 * Whether reward gaps of this self-reward can be regressed on.
 * @throws UsageError for one whose scores are themselves random: they have no expectation to fit.
 */
export function checkRegressable(reward: SelfReward, title: string): void {
  if (reward.randomized) {
    throw new UsageError(
      `${title} fits differences of rewards, and the scores of ${reward.name} are a random choice; ` +
        `use another reward, or a method that learns the choice itself.`,
    );
  }
}

/** Whether a response's score depends on the rest of its pool. */
export const isRelative = (reward: SelfReward): boolean => reward.chosenProbabilities !== undefined;

/**
 * The base's first `n` responses to each prompt, from training-responses.jsonl or drawn into it: every method that learns
 * from pairs shares them, and so its reference log-probabilities are those of sampling.
 */
export async function baseResponses(
  context: MethodContext,
  prompts: readonly Prompt[],
  n: number,
  stage: string,
): Promise<Map<string, Response[]>> {
  const draws = await baseDraws(context);
  await draws.draw(firstOf(prompts, n), stage);
  return draws.responses(prompts, n);
}

/** The file of a run that every method shares which learns from the base's responses to training prompts. */
export async function baseDraws(context: MethodContext): Promise<SharedDraws> {
  return sharedDraws(await context.run.log(BASE_DRAWS.name, responseRecords), context.policy, context);
}

/** What methods that learn from the base's rewarded responses are fitted to and judged by, and how many it drew for each. */
export interface RewardedExamples {
  readonly train: readonly PairExample[];
  /** Never fewer than `VALIDATION_RESPONSES` a prompt are drawn. */
  readonly validation: readonly PairExample[];
  readonly facts: { readonly modelCalls: number; readonly validationCalls: number };
}

/**
 * The base's responses to the training and the validation prompts with their rewards; see `pairExamples`.
 * @param what is drawn, as the progress tells it, for each of the two.
 * @param check refuses training examples, before those for validation are scored.
 */
export async function rewardedExamples(
  context: MethodContext,
  what: readonly [train: string, validation: string],
  check: (train: readonly PairExample[]) => void,
): Promise<RewardedExamples> {
  const { split, settings } = context;
  const { trainN } = settings;
  const judgedN = Math.max(trainN, VALIDATION_RESPONSES);
  const learned = await baseResponses(context, split.train, trainN, `drawing ${what[0]}`);
  const judged = await baseResponses(context, split.validation, judgedN, `drawing ${what[1]}`);
  const train = await pairExamples(context, split.train, learned);
  check(train);
  return {
    train,
    validation: await pairExamples(context, split.validation, judged),
    facts: { modelCalls: split.train.length * trainN, validationCalls: split.validation.length * judgedN },
  };
}

/** The pool in which a response is scored. */
export function poolOf(
  { task, policy }: Pick<MethodContext, "task" | "policy">,
  prompt: Prompt,
  responses: readonly Response[],
): Pool {
  return { prompt, responses, policy, extract: (text) => task.extract(text) };
}

/** A response with its score; undefined where the reward only rules it out, which leaves no difference to regress on. */
export function rewarded(response: Response, reward: number): RewardedResponse | undefined {
  if (reward <= RULED_OUT) return undefined;
  return { tokens: response.tokens, reference: sequenceLogProb(response), reward };
}

/**
 * Each prompt's responses with their rewards within its pool; prompts without a pair that has them are left out. What
 * a reward asks the model is kept in adapters/<method>/rewards.jsonl and asked once.
 */
export async function pairExamples(
  context: MethodContext,
  prompts: readonly Prompt[],
  responses: ReadonlyMap<string, readonly Response[]>,
  pairing: Pairing = "all",
): Promise<PairExample[]> {
  const { method, reward, run, signal, onProgress } = context;
  const log = reward.needs.includes("policy")
    ? await run.log(join("adapters", method.name, "rewards.jsonl"), selectionRecords)
    : undefined;
  const known = new Map((await log?.records())?.map(({ promptId, scores }) => [promptId, scores]));
  const examples: PairExample[] = [];
  for (const [done, prompt] of prompts.entries()) {
    throwIfStopped(signal, "Scoring");
    const own = responses.get(prompt.id)!;
    let scores = known.get(prompt.id);
    if (scores === undefined) {
      scores = await reward.score(poolOf(context, prompt, own));
      if (log && !log.has(selectionKey(prompt.id, reward.name)))
        log.append({ promptId: prompt.id, reward: reward.name, chosen: choose(scores), scores });
      if (log) onProgress?.({ stage: "asking for rewards", done: done + 1, total: prompts.length });
    }
    const rated = own.flatMap((response, i) => rewarded(response, scores[i]!) ?? []);
    const paired = rated.length >= 2 && (pairing === "all" || rewarded(own[0]!, scores[0]!) !== undefined);
    if (paired) examples.push({ prompt, responses: rated });
  }
  return examples;
}
