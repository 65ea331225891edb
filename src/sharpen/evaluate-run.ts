import { RunError } from "../core/errors.js";
import { byPrompt } from "../evaluate/answers.js";
import { measure } from "../evaluate/measure.js";
import { measureBaselines } from "../evaluate/measure-baselines.js";
import type { Metrics } from "../evaluate/metrics.js";
import { promptIdentity, type Policy, type Response } from "../policy/policy.js";
import type { SelfReward } from "../reward/self-reward.js";
import { samplerInWords } from "../run/config.js";
import type { PromptRecord } from "../run/records.js";
import type { RunReader } from "../run/read-run.js";
import type { Run } from "../run/run.js";
import type { Task } from "../task/task.js";
import { recordedBaselines } from "./baselines.js";
import { concluded } from "./concluded.js";
import { rulesOf } from "./measure-rules.js";
import type { PromptSplit } from "./prompts.js";
import { settleTask } from "./record-prompts.js";
import { readMetrics } from "./run-metrics.js";
import { poolsOf, recordSelections } from "./selections.js";

export interface EvaluateRunOptions {
  readonly run: Run;
  /** The run's own task; its labels and its other prompts may have changed since. */
  readonly task: Task;
  readonly rewards: readonly SelfReward[];
  /** Of the intervals. Default: the run's. */
  readonly seed?: number;
  /** For rewards that ask the model. */
  readonly policy?: Policy;
  /** A remark for people: what has become of the prompts. */
  readonly note?: (text: string) => void;
}

/** A test prompt of a run with everything that the base drew for it. */
export interface DrawnPrompt {
  readonly prompt: PromptRecord;
  readonly greedy: Response;
  /** By index. */
  readonly responses: readonly Response[];
}

/**
 * The test prompts of a finished run with their responses.
 * @throws RunError when it has drawn fewer responses to a prompt than it was asked for, or no greedy one.
 */
export async function drawnPrompts(run: RunReader): Promise<DrawnPrompt[]> {
  const { n } = run.manifest.drawing;
  const prompts = (await run.prompts()).filter(({ split }) => split === "test");
  const drawn = byPrompt(await run.responses());
  const greedy = byPrompt(await run.greedy());
  const result: DrawnPrompt[] = [];
  for (const prompt of prompts) {
    const responses = [...(drawn.get(prompt.id) ?? [])].sort((a, b) => a.index - b.index);
    const best = greedy.get(prompt.id)?.[0];
    if (responses.length >= n && best) result.push({ prompt, greedy: best, responses });
  }
  if (prompts.length > 0 && result.length === prompts.length) return result;
  throw new RunError(
    `${run.dir} is not finished: ${result.length} of ${prompts.length} prompts have their ${n} responses`,
    { reason: "run-unfinished", where: run.dir, remedy: "continue it" },
  );
}

/** The run's prompts that the task still has, in the use that the run has for them. */
async function promptsOfRun(run: RunReader, task: Task): Promise<PromptSplit> {
  const splits = ["train", "validation", "test"] as const;
  const present = new Map(
    splits.flatMap((split) => task.prompts(split)).map((prompt) => [prompt.id, promptIdentity(prompt)]),
  );
  const recorded = (await run.prompts()).filter(
    (prompt) => present.get(prompt.id) === promptIdentity(prompt),
  );
  const of = (name: (typeof splits)[number]): PromptRecord[] =>
    recorded.filter(({ split }) => split === name);
  return { test: of("test"), train: of("train"), validation: of("validation") };
}

/**
 * Measures a run anew from its records, without the model: greedy, base, best-of-N under the given rewards, coverage,
 * findings. What needs the model or the adapter (adapters, adaptive best-of-N, seconds) stays as metrics.json has it.
 * Writes metrics.json.
 * @throws RunError for a run that is not finished, or of other prompts; as `measure`.
 */
export async function evaluateRun(options: EvaluateRunOptions): Promise<Metrics> {
  const { run, task, rewards, policy } = options;
  const { drawing, seeds, model } = run.manifest;
  const { seed = seeds.run } = options;
  const sampler = samplerInWords(drawing);
  await settleTask(run, task, await promptsOfRun(run, task), options.note);
  const before = readMetrics(run);
  const drawn = await drawnPrompts(run);
  const pools = poolsOf(
    task,
    drawn.map(({ prompt }) => prompt),
    drawn.map(({ responses }) => responses),
    policy,
  );
  const recorded = await recordSelections(run, pools, rewards);
  const baselines = await recordedBaselines(
    run,
    drawn.map(({ prompt }) => prompt),
  );
  const greedy = drawn.map((records) => records.greedy);
  const waysMeasured =
    baselines.length === 0
      ? before?.baselines
      : measureBaselines({ task, pools, greedy, seed, drawn: baselines });
  const parts = {
    ...(await measure({
      task,
      pools,
      greedy,
      rewards: recorded,
      seed,
      baselines,
      independent: drawing.temperature === 1 && sampler === undefined,
    })),
    model: model.name,
    temperature: drawing.temperature,
    ...(sampler !== undefined && { sampler }),
    ...rulesOf(before),
    ...(waysMeasured && { baselines: waysMeasured }),
    adapters: before?.adapters ?? {},
    findings: [],
    seconds: before?.seconds ?? {},
  };
  const metrics = concluded(parts);
  await run.writeJson("metrics.json", metrics);
  return metrics;
}
