import { randomStream } from "../core/random.js";
import type { Prompt } from "../policy/policy.js";
import type { Task } from "../task/task.js";

/** Which prompts a run measures, learns from and judges the iterates by; no prompt is in two of them. */
export interface PromptSplit {
  readonly test: readonly Prompt[];
  readonly train: readonly Prompt[];
  readonly validation: readonly Prompt[];
}

export interface SplitOptions {
  /** Test prompts at most, the first ones. Default: all. */
  readonly prompts?: number | undefined;
  /** Training prompts at most, the first ones. Default: all. */
  readonly trainPrompts?: number | undefined;
  readonly seed: number;
}

/** Fewer prompts than this without splits of their own are measured, but not learned from. */
export const FEWEST_TO_SPLIT = 10;

/**
 * The task's own splits; where it has no training prompts (a user's file), its prompts are divided by the seed: 60 % to
 * learn from, 10 % to choose the iterate by, 30 % to measure on. A task with training but no validation prompts gives
 * a tenth of them.
 */
export function splitPrompts(task: Task, { prompts, trainPrompts, seed }: SplitOptions): PromptSplit {
  let test = task.prompts("test");
  let train = task.prompts("train");
  let validation = task.prompts("validation");
  if (train.length === 0 && test.length >= FEWEST_TO_SPLIT) {
    const order = randomStream(seed, "split").shuffle(test);
    const forTraining = Math.floor(order.length * 0.6);
    const forValidation = Math.ceil(order.length * 0.1);
    const places = new Map(order.map((prompt, i) => [prompt.id, i]));
    const between = (from: number, to: number): Prompt[] =>
      test.filter(({ id }) => places.get(id)! >= from && places.get(id)! < to);
    train = between(0, forTraining);
    validation = between(forTraining, forTraining + forValidation);
    test = between(forTraining + forValidation, order.length);
  } else if (validation.length === 0 && train.length >= FEWEST_TO_SPLIT) {
    const held = Math.ceil(train.length / 10);
    const chosen = new Set(randomStream(seed, "validation").shuffle(train).slice(0, held));
    validation = train.filter((prompt) => chosen.has(prompt));
    train = train.filter((prompt) => !chosen.has(prompt));
  }
  return { test: test.slice(0, prompts), train: train.slice(0, trainPrompts), validation };
}
