import { UsageError } from "../core/errors.js";
import { randomStream } from "../core/random.js";
import type { Prompt } from "../policy/policy.js";
import type { Task } from "../task/task.js";

/**
 * Which prompts a run measures, learns from and judges the iterates by. No prompt is in two of them, nor one with the same
 * text as a prompt of another, unless the task is to be learned from what is measured.
 */
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
  /** Whether anything is to be learned; if not, a file without splits of its own is measured on every prompt. Default: true. */
  readonly learn?: boolean | undefined;
}

/** Fewer different prompts than this without splits of their own are measured, but not learned from. */
export const FEWEST_TO_SPLIT = 10;

/**
 * The task's own splits; where it has no training prompts (a user's file), its prompts are divided by the seed and each one's
 * text: 60 % to learn from, 10 % to choose the iterate by (unless it has prompts for that), the rest to measure on. A prompt
 * more or less moves at most a few others at the borders. A task with training but no validation prompts gives a tenth of them.
 *
 * Prompts of the same text stay together; a text that the task has in several splits is only measured on, or else only
 * chosen by, so that nothing is measured on what was learned. The one exception are tasks that say so (`Task.learnsFromTest`): they learn
 * from the prompts that are measured.
 * @throws UsageError for a number of prompts that is not whole, or below 1.
 */
export function splitPrompts(
  task: Task,
  { prompts, trainPrompts, seed, learn = true }: SplitOptions,
): PromptSplit {
  checkCount("test", prompts);
  checkCount("training", trainPrompts);
  let test = task.prompts("test");
  let validation = without(task.prompts("validation"), test);
  const measured = task.learnsFromTest ? [] : test;
  let train = without(task.prompts("train"), [...measured, ...validation]);
  if (train.length === 0) {
    const texts = distinctTexts(test);
    if (learn && texts.length >= FEWEST_TO_SPLIT) {
      const order = inOwnOrder(texts, seed);
      const learned = Math.floor(order.length * 0.6);
      const judged = validation.length > 0 ? 0 : Math.ceil(order.length * 0.1);
      train = withTexts(test, order.slice(0, learned));
      if (judged > 0) validation = withTexts(test, order.slice(learned, learned + judged));
      test = withTexts(test, order.slice(learned + judged));
    }
  } else if (validation.length === 0) {
    const texts = distinctTexts(train);
    if (texts.length >= FEWEST_TO_SPLIT) {
      const order = randomStream(seed, "validation").shuffle(texts);
      validation = withTexts(train, order.slice(0, Math.ceil(order.length / 10)));
      train = without(train, validation);
    }
  }
  test = test.slice(0, prompts);
  if (task.learnsFromTest) train = withTexts(train, distinctTexts(test));
  return { test, train: train.slice(0, trainPrompts), validation };
}

/** Texts in a random order that is each one's own: with other texts among them, those that stay keep theirs. */
function inOwnOrder(texts: readonly string[], seed: number): string[] {
  const places = new Map(texts.map((text) => [text, randomStream(seed, `split ${text}`).next()]));
  return [...texts].sort((a, b) => places.get(a)! - places.get(b)! || (a < b ? -1 : 1));
}

function distinctTexts(prompts: readonly Prompt[]): string[] {
  return [...new Set(prompts.map(({ text }) => text))];
}

function withTexts(prompts: readonly Prompt[], texts: readonly string[]): Prompt[] {
  const wanted = new Set(texts);
  return prompts.filter(({ text }) => wanted.has(text));
}

function without(prompts: readonly Prompt[], others: readonly Prompt[]): readonly Prompt[] {
  const taken = new Set(others.map(({ text }) => text));
  return prompts.filter(({ text }) => !taken.has(text));
}

function checkCount(what: string, count: number | undefined): void {
  if (count === undefined || (Number.isInteger(count) && count >= 1)) return;
  throw new UsageError(`The number of ${what} prompts must be a whole number of at least 1, not ${count}.`);
}
