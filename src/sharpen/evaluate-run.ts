import { measure } from "../evaluate/measure.js";
import { measureBaselines } from "../evaluate/measure-baselines.js";
import type { Metrics } from "../evaluate/metrics.js";
import { promptIdentity, type Policy } from "../policy/policy.js";
import type { SelfReward } from "../reward/self-reward.js";
import { samplerInWords } from "../run/config.js";
import type { PromptRecord } from "../run/records.js";
import type { RunReader } from "../run/read-run.js";
import type { Run } from "../run/run.js";
import type { Task } from "../task/task.js";
import { recordedBaselines } from "./baselines.js";
import { concluded } from "./concluded.js";
import { figuresInThreads, type Threads } from "./figures/threads.js";
import { filedGreedy, filedPools, openDrawn, type DrawnPrompts } from "./drawn-prompts.js";
import { rulesOf } from "./measure-rules.js";
import type { PromptSplit } from "./prompts.js";
import { settleTask } from "./record-prompts.js";
import { readMetrics } from "./run-metrics.js";
import { recordedRewards } from "./selections.js";

export interface EvaluateRunOptions {
  readonly run: Run;
  /** The run's own task; its labels and its other prompts may have changed since. */
  readonly task: Task;
  readonly rewards: readonly SelfReward[];
  /** Of the intervals. Default: the run's. */
  readonly seed?: number;
  /** For rewards that ask the model. */
  readonly policy?: Policy;
  /** How many threads read the responses of a large run; the figures are the same. */
  readonly threads?: Threads;
  /** A remark for people: what has become of the prompts. */
  readonly note?: (text: string) => void;
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
  const { run, task } = options;
  await settleTask(run, task, await promptsOfRun(run, task), options.note);
  const drawn = await openDrawn(run);
  try {
    return await measureDrawn(options, drawn);
  } finally {
    drawn.close();
  }
}

/** Reads each prompt's responses once, however many there are. */
async function measureDrawn(
  { run, task, rewards, policy, threads, seed = run.manifest.seeds.run }: EvaluateRunOptions,
  drawn: DrawnPrompts,
): Promise<Metrics> {
  const { drawing, model } = run.manifest;
  const sampler = samplerInWords(drawing);
  const before = readMetrics(run);
  const { prompts, sizes } = drawn;
  const pools = filedPools(drawn, task, policy);
  const greedy = filedGreedy(drawn);
  const recorded = await recordedRewards(run, rewards);
  const baselines = await recordedBaselines(run, prompts);
  const waysMeasured =
    baselines.length === 0
      ? before?.baselines
      : measureBaselines({ task, pools, greedy, seed, drawn: baselines });
  const figures = figuresInThreads({ task, rewards, recorded, drawn, pools, greedy }, threads);
  const measured = await measure({
    ...{ task, pools, sizes, greedy, rewards: recorded.rewards, seed, baselines },
    ...(figures && { figures }),
    independent: drawing.temperature === 1 && sampler === undefined,
  });
  await recorded.arrange(prompts);
  const parts = {
    ...measured,
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
