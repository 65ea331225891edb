import type { BaselineDraws } from "../evaluate/measure-baselines.js";
import type { Response } from "../policy/policy.js";
import type { Pool } from "../reward/self-reward.js";
import type { RunReader } from "../run/read-run.js";
import { recordedBaselines } from "../sharpen/baselines.js";
import { drawnPrompts } from "../sharpen/drawn-prompts.js";
import { poolsOf } from "../sharpen/selections.js";
import type { Task } from "../task/task.js";

/** What the base drew to the measured prompts in one run of a suite. */
export interface DrawnCell {
  readonly pools: readonly Pool[];
  readonly greedy: readonly Response[];
  readonly baselines: readonly BaselineDraws[];
}

/** Reads what a cell's run drew. @throws as `drawnPrompts`. */
export async function drawnCell(run: RunReader, task: Task): Promise<DrawnCell> {
  const drawn = await drawnPrompts(run);
  const prompts = drawn.map(({ prompt }) => prompt);
  const responses = drawn.map((prompt) => prompt.responses);
  return {
    pools: poolsOf(task, prompts, responses),
    greedy: drawn.map((prompt) => prompt.greedy),
    baselines: await recordedBaselines(run, prompts),
  };
}
