import type { Response } from "../policy/policy.js";
import type { Pool } from "../reward/self-reward.js";
import { drawTask, fillRun, type DrawTaskOptions } from "./draw-task.js";
import { filedGreedy, filedPools, openDrawn, type DrawnPrompts } from "./drawn-prompts.js";
import { splitPrompts, type PromptSplit } from "./prompts.js";
import { poolsOf } from "./selections.js";
import type { StageClock } from "./stage-clock.js";

/** What the base drew of a task, as measuring and training see it. */
export interface DrawnBase {
  readonly split: PromptSplit;
  /** Of the test prompts, in their order. */
  readonly pools: readonly Pool[];
  readonly greedy: readonly Response[];
  /** Where the responses lie in the run's files until they are asked for, as those of many prompts do; absent: they are in memory. */
  readonly filed?: DrawnPrompts;
}

/** So many responses are held in memory at most, some gigabyte of them; of more each prompt's are read when they are asked for. */
const MOST_HELD = 200_000;

/**
 * Draws what `drawTask` does, does something with it, and lets go of it.
 * @throws as `drawTask`.
 */
export async function withDrawnBase<T>(
  options: DrawTaskOptions & { readonly mostHeld?: number | undefined },
  clock: StageClock,
  trainPrompts: number,
  work: (base: DrawnBase) => Promise<T>,
): Promise<T> {
  const { policy, task, run, n, mostHeld = MOST_HELD } = options;
  const split = splitPrompts(task, options);
  if (split.test.length * n <= mostHeld) {
    const { greedy, drawn } = await drawTask(options, clock, trainPrompts);
    return work({ split, greedy, pools: poolsOf(task, split.test, drawn, policy) });
  }
  await fillRun(options, clock, trainPrompts);
  const filed = await openDrawn(run);
  try {
    return await work({ split, filed, greedy: filedGreedy(filed), pools: filedPools(filed, task, policy) });
  } finally {
    filed.close();
  }
}
