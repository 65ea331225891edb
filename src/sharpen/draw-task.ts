import { UsageError } from "../core/errors.js";
import type { Policy, Response } from "../policy/policy.js";
import type { Run } from "../run/run.js";
import type { Task } from "../task/task.js";
import { drawAll, drawGreedy, drawResponses, type DrawSettings } from "./draw.js";
import { checkLengths } from "./fitting-prompts.js";
import { splitPrompts, type PromptSplit, type SplitOptions } from "./prompts.js";
import { recordPrompts } from "./record-prompts.js";
import { stageClock, type StageClock } from "./stage-clock.js";

/** What is drawn from the base: the ground of every measurement. */
export interface DrawnTask {
  readonly split: PromptSplit;
  readonly greedy: readonly Response[];
  /** By test prompt, by index. */
  readonly drawn: readonly (readonly Response[])[];
}

/** What drawing from the base takes. */
export interface DrawTaskOptions extends DrawSettings, Pick<SplitOptions, "prompts" | "learn"> {
  readonly policy: Policy;
  readonly task: Task;
  readonly run: Run;
  /** A remark for people. */
  readonly note?: ((text: string) => void) | undefined;
}

/**
 * Draws the greedy response and N others to each test prompt into the run folder, and nothing more.
 * @param trainPrompts how many training prompts to write down besides, with those for validation; 0 for neither.
 * @throws UsageError when the task has no prompts to measure on.
 */
export async function drawTask(
  options: DrawTaskOptions,
  clock: StageClock = stageClock(),
  trainPrompts = 0,
): Promise<DrawnTask> {
  const { run } = options;
  const { split, greedy } = await drawFirst(options, clock, trainPrompts);
  const drawn = await clock("sampling", async () =>
    drawResponses(await run.responseLog(), options.policy, split.test, options, "sampling"),
  );
  return { split, greedy, drawn };
}

/**
 * As `drawTask`, for any number of prompts: the responses stay in the run folder.
 * @returns how many prompts they are to.
 */
export async function fillRun(
  options: DrawTaskOptions,
  clock: StageClock = stageClock(),
  trainPrompts = 0,
): Promise<number> {
  const { split } = await drawFirst(options, clock, trainPrompts);
  await clock("sampling", async () =>
    drawAll(await options.run.responseLog(), options.policy, split.test, options, "sampling"),
  );
  return split.test.length;
}

/** Writes the prompts down, and draws the greedy responses. */
async function drawFirst(
  options: DrawTaskOptions,
  clock: StageClock,
  trainPrompts: number,
): Promise<Omit<DrawnTask, "drawn">> {
  const { policy, task, run } = options;
  const split = splitPrompts(task, options);
  if (split.test.length === 0) throw new UsageError(`The task ${task.name} has no prompts to measure on.`);
  const learned = trainPrompts > 0 ? [...split.train.slice(0, trainPrompts), ...split.validation] : [];
  await checkLengths(policy, [...split.test, ...learned], options.maxTokens, task);
  await recordPrompts(run, task, split, trainPrompts, options.note);
  const greedy = await clock("greedy", async () =>
    drawGreedy(await run.greedyLog(), policy, split.test, options, "greedy"),
  );
  return { split, greedy };
}
