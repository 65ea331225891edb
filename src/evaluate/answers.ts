import { DataError, UsageError } from "../core/errors.js";
import { sequenceLogProb, type Prompt, type Response } from "../policy/policy.js";
import type { Pool } from "../reward/self-reward.js";
import type { Task } from "../task/task.js";
import { drawResamples, estimateDifference, estimateLift, estimateMean } from "./bootstrap.js";
import type { BootstrapOptions, Resamples } from "./bootstrap.js";
import type { AnswerMetrics } from "./metrics.js";
import { expectedUnderSubsets } from "./subsets.js";

/** The responses to one prompt as plain numbers. */
export interface Facts {
  /** log π_base(y|x) in nats. */
  readonly logProbs: readonly number[];
  /** In tokens. */
  readonly lengths: readonly number[];
  /** 1 or 0; undefined where the prompt has no label. */
  readonly correct: Uint8Array | undefined;
}

/** One way of answering: its expected values by prompt. */
export interface Answers {
  /** P(correct) by *labelled* prompt. */
  readonly correct: readonly number[];
  /** Expected log π_base(y|x) by prompt, in nats. */
  readonly logProb: readonly number[];
  /** Expected length by prompt, in tokens. */
  readonly length: readonly number[];
}

/** The prompts of an evaluation and the resamples that all its figures share. */
export interface Ground {
  readonly prompts: number;
  readonly labelledPrompts: number;
  /** The resamples for a number of prompts: the same object for the same number. */
  resamples(prompts: number): Resamples;
}

/** What every measurement compares with: the base model's own responses. */
export interface Base {
  readonly ground: Ground;
  /** By prompt, in the order of the pools. */
  readonly facts: readonly Facts[];
  /** The base sampled once: the mean over the responses drawn. */
  readonly answers: Answers;
  readonly greedy: Answers;
}

/** The base's responses, as every measurement needs them. */
export interface BaseInputs {
  readonly task: Task;
  /** The test prompts, each with the responses drawn from the base. */
  readonly pools: readonly Pool[];
  /** The base's greedy response to each of these prompts, in any order. */
  readonly greedy: readonly Response[];
  /** Fixes the bootstrap: same seed, same intervals. */
  readonly seed: number;
  /** Bootstrap resamples; default 2,000. */
  readonly resamples?: number;
}

/** Grades the base's responses to one prompt. */
export function factsOf(task: Task, promptId: string, responses: readonly Response[]): Facts {
  return gradedFacts(task, promptId, responses, (response) => ({
    logProb: sequenceLogProb(response),
    length: response.logProbs.length,
  }));
}

/** The same of responses of any kind. @param said log π_base(y|x) of a response, and its length in tokens. */
export function gradedFacts<R extends Pick<Response, "text">>(
  task: Task,
  promptId: string,
  responses: readonly R[],
  said: (response: R) => { readonly logProb: number; readonly length: number },
): Facts {
  const grades = responses.map((response) => task.grade(promptId, response.text));
  return {
    logProbs: responses.map((response) => said(response).logProb),
    lengths: responses.map((response) => said(response).length),
    correct: grades.includes(undefined) ? undefined : Uint8Array.from(grades, Number),
  };
}

/** The expected values by prompt when response i to prompt p is given with probability weights(p)[i]. */
export function answersOf(facts: readonly Facts[], weights: (prompt: number) => ArrayLike<number>): Answers {
  const answers = { correct: [] as number[], logProb: [] as number[], length: [] as number[] };
  facts.forEach(({ logProbs, lengths, correct }, prompt) => {
    const given = weights(prompt);
    answers.logProb.push(expectedUnderSubsets(logProbs, given));
    answers.length.push(expectedUnderSubsets(lengths, given));
    if (correct !== undefined) answers.correct.push(expectedUnderSubsets(correct, given));
  });
  return answers;
}

/** Each response to a prompt with the same probability. */
export function sampledOnce(facts: readonly Facts[]): Answers {
  return answersOf(facts, (prompt) => {
    const { length } = facts[prompt]!.logProbs;
    return new Float64Array(length).fill(1 / length);
  });
}

/** One figure by seed, as the bootstrap takes it. */
const bySeed = (runs: readonly Answers[], field: keyof Answers): (readonly number[])[] =>
  runs.map((run) => run[field]);

/**
 * The metrics of one way of answering, against greedy where that is given.
 * @param runs one a seed; as many as the ground's resamples have seeds, or one.
 */
export function answerMetrics(runs: readonly Answers[], ground: Ground, greedy?: Answers): AnswerMetrics {
  const all = ground.resamples(ground.prompts);
  const logProb = bySeed(runs, "logProb");
  const always = {
    logLikelihood: estimateMean(logProb, all),
    ...(greedy && { logLikelihoodLift: estimateDifference(logProb, greedy.logProb, all) }),
    length: estimateMean(bySeed(runs, "length"), all),
  };
  if (ground.labelledPrompts === 0) return always;
  const labelled = ground.resamples(ground.labelledPrompts);
  const correct = bySeed(runs, "correct");
  const accuracy = estimateMean(correct, labelled, "share");
  if (greedy === undefined) return { accuracy, ...always };
  const lift = estimateLift(correct, greedy.correct, labelled);
  return {
    accuracy,
    ...(lift && { lift }),
    liftPoints: estimateDifference(correct, greedy.correct, labelled, "share"),
    ...always,
  };
}

/** Responses by prompt id. */
export function byPrompt<R extends Pick<Response, "promptId">>(
  responses: readonly R[],
): ReadonlyMap<string, readonly R[]> {
  const map = new Map<string, R[]>();
  for (const response of responses) {
    const list = map.get(response.promptId);
    if (list) list.push(response);
    else map.set(response.promptId, [response]);
  }
  return map;
}

/**
 * The one response of each prompt, in the prompts' order.
 * @param what names them in the error: "greedy response".
 * @throws DataError where a prompt has none.
 */
export function oneEach<R extends Pick<Response, "promptId">>(
  prompts: readonly Prompt[],
  responses: readonly R[],
  what: string,
): R[] {
  const map = byPrompt(responses);
  return prompts.map(({ id }) => {
    const response = map.get(id)?.[0];
    if (response === undefined) {
      throw new DataError(
        `There is no ${what} to prompt "${id}": continue the run so that every prompt has one.`,
      );
    }
    return response;
  });
}

/** The ground of figures for these prompts, `labelledPrompts` of them with a label; resamples are drawn when first used. */
export function groundOf(prompts: number, labelledPrompts: number, options: BootstrapOptions): Ground {
  const drawn = new Map<number, Resamples>();
  return {
    prompts,
    labelledPrompts,
    resamples: (size) => {
      const known = drawn.get(size) ?? drawResamples(size, options);
      drawn.set(size, known);
      return known;
    },
  };
}

/** How many prompts have a label. */
export const labelledOf = (facts: readonly Facts[]): number =>
  facts.filter((prompt) => prompt.correct !== undefined).length;

/**
 * Grades the base's responses and prepares the bootstrap.
 * @param seeds how many seeds the figures to come have rows for; default 1.
 * @throws UsageError without prompts or with an empty pool; DataError where a prompt has no greedy response.
 */
export function prepareBase(inputs: BaseInputs, seeds = 1): Base {
  const { task, pools } = inputs;
  const greedy = checkedGreedy(inputs, (place) => pools[place]!.responses.length);
  const facts = pools.map((pool) => factsOf(task, pool.prompt.id, pool.responses));
  return baseOf(
    inputs,
    facts,
    greedy.map((response) => factsOf(task, response.promptId, [response])),
    seeds,
  );
}

/**
 * The greedy response of each pool, in their order.
 * @param sizeOf how many responses a pool has, by its place.
 * @throws as `prepareBase`.
 */
export function checkedGreedy(
  { task, pools, greedy }: Pick<BaseInputs, "task" | "pools" | "greedy">,
  sizeOf: (place: number) => number,
): Response[] {
  if (pools.length === 0)
    throw new UsageError(`There are no prompts of ${task.name} to measure: draw responses first.`);
  const empty = pools.find((_, place) => sizeOf(place) === 0);
  if (empty)
    throw new UsageError(`Prompt "${empty.prompt.id}" has no responses to measure: draw at least one.`);
  return oneEach(
    pools.map((pool) => pool.prompt),
    greedy,
    "greedy response",
  );
}

/** What is compared with, of responses that are graded already. @param facts by prompt; @param greedy of one response each. */
export function baseOf(
  { seed, resamples = 2000 }: Pick<BaseInputs, "seed" | "resamples">,
  facts: readonly Facts[],
  greedy: readonly Facts[],
  seeds: number,
): Base {
  const ground = groundOf(facts.length, labelledOf(facts), { seed, seeds, resamples });
  return { ground, facts, answers: sampledOnce(facts), greedy: sampledOnce(greedy) };
}
