import { RunError } from "../core/errors.js";
import { byPrompt } from "../evaluate/answers.js";
import { findings } from "../evaluate/findings.js";
import { measure } from "../evaluate/measure.js";
import type { Metrics } from "../evaluate/metrics.js";
import type { Policy, Response } from "../policy/policy.js";
import type { SelfReward } from "../reward/self-reward.js";
import type { PromptRecord } from "../run/records.js";
import type { RunReader } from "../run/read-run.js";
import type { Run } from "../run/run.js";
import type { Task } from "../task/task.js";
import { readMetrics } from "./run-metrics.js";
import { poolsOf, recordSelections } from "./selections.js";

export interface EvaluateRunOptions {
  readonly run: Run;
  /** The run's own task: the caller has compared the digests. */
  readonly task: Task;
  readonly rewards: readonly SelfReward[];
  readonly seed: number;
  readonly temperature: number;
  /** As `Metrics.sampler`. */
  readonly sampler?: string;
  /** Responses per prompt that the run was made with. */
  readonly n: number;
  /** For rewards that ask the model. */
  readonly policy?: Policy;
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
 * @throws RunError when it has drawn fewer than `n` responses for a prompt, or no greedy one.
 */
export async function drawnPrompts(run: RunReader, n: number): Promise<DrawnPrompt[]> {
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
    `${run.dir} is not finished: ${result.length} of ${prompts.length} prompts have their ${n} responses; continue it with --resume.`,
  );
}

/**
 * Measures a run anew from its records, without the model: greedy, base, best-of-N under the given rewards, coverage,
 * findings. What needs the model or the adapter (adapters, adaptive best-of-N, seconds) stays as metrics.json has it.
 * Writes metrics.json.
 * @throws RunError for a run that is not finished; as `measure`.
 */
export async function evaluateRun(options: EvaluateRunOptions): Promise<Metrics> {
  const { run, task, rewards, seed, n, temperature, sampler, policy } = options;
  const before = readMetrics(run);
  const drawn = await drawnPrompts(run, n);
  const pools = poolsOf(
    task,
    drawn.map(({ prompt }) => prompt),
    drawn.map(({ responses }) => responses),
    policy,
  );
  const recorded = await recordSelections(run, pools, rewards);
  const parts = {
    ...(await measure({ task, pools, greedy: drawn.map(({ greedy }) => greedy), rewards: recorded, seed })),
    model: run.manifest.model.name,
    temperature,
    ...(sampler !== undefined && { sampler }),
    ...(before?.adaptive && { adaptive: before.adaptive }),
    adapters: before?.adapters ?? {},
    findings: [],
    seconds: before?.seconds ?? {},
  };
  const metrics: Metrics = { ...parts, findings: findings(parts) };
  await run.writeJson("metrics.json", metrics);
  return metrics;
}
