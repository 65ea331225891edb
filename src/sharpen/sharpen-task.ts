import { UsageError } from "../core/errors.js";
import { findings } from "../evaluate/findings.js";
import { measure, measuredNs } from "../evaluate/measure.js";
import { measureAdaptive } from "../evaluate/measure-adaptive.js";
import type { AdapterMetrics, Metrics } from "../evaluate/metrics.js";
import type { Policy, Response } from "../policy/policy.js";
import type { TrainablePolicy } from "../policy/trainable.js";
import { choose, type Pool, type SelfReward } from "../reward/self-reward.js";
import { selectionKey } from "../run/records.js";
import type { Run } from "../run/run.js";
import type { Task } from "../task/task.js";
import { adaptiveBestOfN } from "./adaptive-best-of-n.js";
import { amortize } from "./amortize.js";
import { drawGreedy, drawResponses, type DrawSettings } from "./draw.js";
import { splitPrompts, type PromptSplit } from "./prompts.js";
import type { SftOptions } from "./sft.js";

export interface SharpenOptions extends DrawSettings {
  readonly policy: TrainablePolicy;
  readonly task: Task;
  readonly run: Run;
  /** Measured side by side at inference time. */
  readonly rewards: readonly SelfReward[];
  /** The N to measure at. Default: 1, 2, 5, 10, 25, 50 up to `n`. */
  readonly ns?: readonly number[] | undefined;
  /** Test and training prompts at most. Default: all. */
  readonly prompts?: number | undefined;
  readonly trainPrompts?: number | undefined;
  /** Also measure adaptive best-of-N (paper eq. 10) with this δ, capped at `n`. */
  readonly adaptiveDelta?: number | undefined;
  /** Amortize the choice of this reward; absent: inference time only. */
  readonly amortize?:
    | {
        readonly reward: SelfReward;
        readonly trainN: number;
        readonly sft: SftOptions;
        readonly curveSamples: number;
      }
    | undefined;
}

export interface SharpenResult {
  readonly metrics: Metrics;
  /** Where the adapter is, in PEFT's layout; absent when nothing was amortized. */
  readonly adapterDir?: string;
}

/**
 * The main job: draw N responses per prompt, choose by self-reward, amortize the choice into an adapter, measure the lift
 * on held-out prompts, and write all of it into the run folder (metrics.json last). Killed and called again on the same
 * folder, it continues where it was.
 * @throws UsageError when there is nothing to measure or a reward needs what the policy cannot give.
 */
export async function sharpenTask(options: SharpenOptions): Promise<SharpenResult> {
  const { policy, task, run, rewards } = options;
  const clock = stageClock();
  checkRewards(rewards, policy);
  measuredNs(options.n, options.ns);
  const split = splitPrompts(task, options);
  if (split.test.length === 0) throw new UsageError(`The task ${task.name} has no prompts to measure on.`);
  await recordPrompts(run, split, options.amortize !== undefined);
  const greedy = await clock("greedy", async () =>
    drawGreedy(await run.greedyLog(), policy, split.test, options, "greedy"),
  );
  const drawn = await clock("sampling", async () =>
    drawResponses(await run.responseLog(), policy, split.test, options, "sampling"),
  );
  const pools = poolsOf(policy, task, split, drawn);
  const measured = await clock("evaluating", async () => {
    await recordSelections(run, pools, rewards);
    return measure({
      task,
      pools,
      greedy,
      rewards,
      seed: options.seed,
      ...(options.ns && { ns: options.ns }),
    });
  });
  const adaptive =
    options.adaptiveDelta === undefined
      ? undefined
      : await clock("adaptive", () => runAdaptive(options, pools, greedy));
  const adapters: Record<string, AdapterMetrics> = {};
  let adapterDir: string | undefined;
  if (options.amortize && split.train.length > 0) {
    const { amortize: settings } = options;
    const result = await clock("amortizing", () =>
      amortize({ ...options, ...settings, split, pools, greedy }),
    );
    adapters["sft"] = result.metrics;
    ({ adapterDir } = result);
  }
  const parts = {
    ...measured,
    model: policy.name,
    temperature: options.temperature,
    ...(adaptive && { adaptive }),
    adapters,
    findings: [],
    seconds: clock.seconds(),
  };
  const metrics: Metrics = { ...parts, findings: findings(parts) };
  await run.writeJson("metrics.json", metrics);
  return { metrics, ...(adapterDir === undefined ? {} : { adapterDir }) };
}

/** Refuses, before anything is drawn, a reward that needs what the policy lacks. */
export function checkRewards(rewards: readonly SelfReward[], policy: Policy): void {
  if (rewards.length === 0) throw new UsageError("Name at least one self-reward.");
  for (const reward of rewards) {
    if (reward.needs.includes("policy") && !("encode" in policy)) {
      throw new UsageError(
        `The reward ${reward.name} asks the model, which ${policy.name} does not allow; leave it out.`,
      );
    }
  }
}

/** The prompts' responses as self-rewards see them. */
export function poolsOf(
  policy: Policy,
  task: Task,
  split: PromptSplit,
  drawn: readonly (readonly Response[])[],
): Pool[] {
  const extract = (text: string): string | undefined => task.extract(text);
  return split.test.map((prompt, i) => ({ prompt, responses: drawn[i]!, extract, policy }));
}

async function recordPrompts(run: Run, split: PromptSplit, withTraining: boolean): Promise<void> {
  const log = await run.promptLog();
  const names = withTraining ? (["test", "train", "validation"] as const) : (["test"] as const);
  for (const name of names) {
    for (const { id, text } of split[name]) if (!log.has(id)) log.append({ id, text, split: name });
  }
}

async function recordSelections(
  run: Run,
  pools: readonly Pool[],
  rewards: readonly SelfReward[],
): Promise<void> {
  const log = await run.selectionLog();
  for (const reward of rewards) {
    for (const pool of pools) {
      const promptId = pool.prompt.id;
      if (log.has(selectionKey(promptId, reward.name))) continue;
      const scores = await reward.score(pool);
      log.append({ promptId, reward: reward.name, chosen: pool.responses[choose(scores)]!.index, scores });
    }
  }
}

async function runAdaptive(
  options: SharpenOptions,
  pools: readonly Pool[],
  greedy: readonly Response[],
): Promise<NonNullable<Metrics["adaptive"]>> {
  const { policy, task, seed, n, adaptiveDelta } = options;
  const prompts = pools.map(({ prompt }) => prompt);
  const best = await adaptiveBestOfN(policy, prompts, { ...options, delta: adaptiveDelta!, cap: n });
  return measureAdaptive({
    task,
    pools,
    greedy,
    seed,
    chosen: best.map(({ chosen }) => chosen),
    drawn: best.map(({ drawn }) => drawn),
    capped: best.filter(({ capped }) => capped).length,
    cap: n,
  });
}

/** Runs stages and remembers how long each took. */
function stageClock(): (<T>(stage: string, work: () => Promise<T>) => Promise<T>) & {
  seconds(): Record<string, number>;
} {
  const seconds: Record<string, number> = {};
  const start = performance.now();
  const since = (from: number): number => Math.round((performance.now() - from) / 10) / 100;
  const clock = async <T>(stage: string, work: () => Promise<T>): Promise<T> => {
    const from = performance.now();
    try {
      return await work();
    } finally {
      seconds[stage] = since(from);
    }
  };
  return Object.assign(clock, { seconds: () => ({ ...seconds, total: since(start) }) });
}
