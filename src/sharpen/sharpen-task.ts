import { UsageError } from "../core/errors.js";
import { moduleOf } from "../core/own-module.js";
import { measure, measuredNs, type MeasuredMetrics } from "../evaluate/measure.js";
import { measureBaselines, type BaselineDraws } from "../evaluate/measure-baselines.js";
import type { AdapterMetrics, Metrics } from "../evaluate/metrics.js";
import type { Policy, Response } from "../policy/policy.js";
import { requireAbility } from "../policy/capabilities.js";
import { trainersOf } from "../policy/local-trainer.js";
import type { Trainers } from "../policy/trainer.js";
import type { Pool, SelfReward } from "../reward/self-reward.js";
import type { Run } from "../run/run.js";
import type { Task } from "../task/task.js";
import { adaptiveMu } from "./adaptive-best-of-n.js";
import { amortize } from "./amortize.js";
import { checkBaselines, drawBaselines, recordedBaselines } from "./baselines.js";
import { checkN } from "./best-of-n.js";
import { concluded } from "./concluded.js";
import type { DrawSettings } from "./draw.js";
import { withDrawnBase, type DrawnBase } from "./drawn-base.js";
import { exactly } from "./exact-choice.js";
import { figuresInThreads } from "./figures/threads.js";
import type { Method, MethodSettings } from "./methods/method.js";
import { checkMethod, checkStarts, inOrder } from "./methods/registry.js";
import { splitPrompts, type PromptSplit } from "./prompts.js";
import { measureRules, rulesOf } from "./measure-rules.js";
import { settleTask } from "./record-prompts.js";
import { readMetrics } from "./run-metrics.js";
import { stageClock, type StageClock } from "./stage-clock.js";
import { recordedRewards } from "./selections.js";
import {
  digestOfPrompts,
  recordedOwn,
  recordTraining,
  trainedMethods,
  type TrainingRecord,
} from "./training-record.js";

export interface SharpenOptions extends DrawSettings {
  readonly policy: Policy;
  readonly task: Task;
  readonly run: Run;
  /** Measured side by side at inference time. */
  readonly rewards: readonly SelfReward[];
  /** The N to measure at. Default: 1, 2, 5, 10, 25, 50 up to `n`. */
  readonly ns?: readonly number[] | undefined;
  /** Test prompts at most. Default: all. */
  readonly prompts?: number | undefined;
  /** See `SplitOptions.learn`. */
  readonly learn?: boolean | undefined;
  /** Also measure adaptive best-of-N (paper eq. 10) with this δ, capped at `n`. */
  readonly adaptiveDelta?: number | undefined;
  /** Also measure what the base gives when asked in other ways (`drawBaselines`), over so many samples of each test prompt. */
  readonly baselineSamples?: number | undefined;
  /** Train what this reward prefers into adapters; absent: inference time only. */
  readonly amortize?:
    | {
        readonly reward: SelfReward;
        /** Each method once; trained one after the other, those of the registry first and in its order. */
        readonly methods: readonly MethodTraining[];
        readonly curveSamples: number;
        /** See `MethodContext.keepDraws`. */
        readonly keepDraws?: boolean | undefined;
        /** Who trains adapters of the policy. Default: this machine, where the policy's weights are here. */
        readonly trainers?: Trainers;
        /** Called once before anything is trained, with the base's responses: the place to refuse. */
        readonly before?: (pools: readonly Pool[]) => Promise<void>;
        /** The command line that asked for it, for the record. */
        readonly command: string;
      }
    | undefined;
  /**
   * Responses to test prompts that are held in memory at most; of more, each prompt's are read from the run's files when they are asked for.
   * Default 200,000. The result is the same.
   */
  readonly mostHeld?: number | undefined;
  /** A remark for people. */
  readonly note?: ((text: string) => void) | undefined;
  /**
   * A clock in milliseconds, such as `performance.now`. Absent: `seconds` in the metrics is empty, and training is kept after an iterate or
   * when it is stopped, not every few minutes: the library reads no clock.
   */
  readonly now?: (() => number) | undefined;
}

/** How one method is to be trained. */
export interface MethodTraining extends MethodSettings {
  readonly method: Method;
  /** Training prompts at most, the first ones. Default: all. */
  readonly trainPrompts?: number | undefined;
}

export interface SharpenResult {
  readonly metrics: Metrics;
  /** Where each adapter that was trained now is, in PEFT's layout, or the model where every weight was trained. */
  readonly adapterDirs: Readonly<Record<string, string>>;
}

/**
 * The main job: draw N responses per prompt, choose by self-reward, train what it prefers into adapters, measure the lift
 * on held-out prompts, and write all of it into the run folder (metrics.json last). Killed and called again on the same
 * folder, it continues where it was.
 * @throws UsageError, before anything is drawn, when there is nothing to measure, a setting is out of range, or a reward
 * needs what the policy cannot give; InterruptedError once the signal has fired.
 */
export async function sharpenTask(options: SharpenOptions): Promise<SharpenResult> {
  const { task, run } = options;
  const clock = stageClock(options.now);
  checkOptions(options);
  const trainings = trainingsOf(options);
  checkStarts(trainings, run.dir, run.adapters());
  const all = splitPrompts(task, options);
  await settleTask(run, task, all, options.note);
  if (all.train.length > 0) {
    for (const training of trainings) {
      const record = trainingRecord(options.amortize!, training, all);
      await recordTraining(run, training.method, record, options.note);
    }
  }
  const learned = Math.max(0, ...trainings.map(({ trainPrompts }) => trainPrompts ?? Infinity));
  return withDrawnBase(options, clock, learned, (base) => sharpenDrawn(options, trainings, clock, base));
}

/** Measures, trains and writes the metrics, once everything is drawn. */
async function sharpenDrawn(
  options: SharpenOptions,
  trainings: readonly MethodTraining[],
  clock: StageClock,
  base: DrawnBase,
): Promise<SharpenResult> {
  const { policy, task, run, baselineSamples } = options;
  const { split, pools, greedy } = base;
  const before = readMetrics(run);
  const drawnSo =
    baselineSamples === undefined
      ? await recordedBaselines(run, split.test)
      : await clock("baselines", () => drawBaselines(options, baselineSamples, split.test));
  const measured = await clock("evaluating", () => measurePools(options, base, drawnSo));
  const adaptive =
    options.adaptiveDelta === undefined
      ? undefined
      : await clock("adaptive", async () => measureRules(options, options.adaptiveDelta!, pools, greedy));
  const baselines =
    drawnSo.length === 0
      ? before?.baselines
      : measureBaselines({ task, pools, greedy, seed: options.seed, drawn: drawnSo });
  const earlier = Object.fromEntries(
    trainedMethods(run)
      .filter((name) => !trainings.some(({ method }) => method.name === name))
      .flatMap((name) => (before?.adapters[name] ? [[name, before.adapters[name]]] : [])),
  );
  const trained = await trainAll(options, split.train.length > 0 ? trainings : [], {
    split,
    pools,
    greedy,
    earlier,
    clock,
  });
  const adapters = { ...earlier, ...trained.metrics };
  const parts = {
    ...measured,
    model: policy.name,
    temperature: options.temperature,
    ...(adaptive ?? rulesOf(before)),
    ...(baselines && { baselines }),
    adapters: Object.fromEntries(inOrder(Object.keys(adapters)).map((name) => [name, adapters[name]!])),
    findings: [],
    seconds: clock.seconds(),
  };
  const metrics = concluded(parts);
  await run.writeJson("metrics.json", metrics);
  return { metrics, adapterDirs: trained.adapterDirs };
}

/** Measures every reward at every N on what is drawn, and writes down what each chose. */
async function measurePools(
  options: SharpenOptions,
  { pools, greedy, filed }: DrawnBase,
  baselines: readonly BaselineDraws[],
): Promise<MeasuredMetrics> {
  const { policy, task, run, seed, temperature, ns, signal, onProgress } = options;
  const rewards = options.rewards.map((reward) => exactly(policy, reward));
  onProgress?.({ stage: "evaluating", done: 0, total: 1 });
  const recorded = await recordedRewards(run, rewards, signal);
  const figures = filed && figuresInThreads({ task, rewards, recorded, drawn: filed, pools, greedy });
  const result = await measure({
    ...{ task, pools, greedy, rewards: recorded.rewards, seed, baselines },
    ...(filed && { sizes: filed.sizes }),
    ...(figures && { figures }),
    independent: temperature === 1,
    ...(ns && { ns }),
  });
  await recorded.arrange(pools.map(({ prompt }) => prompt));
  onProgress?.({ stage: "evaluating", done: 1, total: 1 });
  return result;
}

/** What training stands on. */
interface Ground {
  readonly split: PromptSplit;
  readonly pools: readonly Pool[];
  readonly greedy: readonly Response[];
  /** Adapters that were trained before. */
  readonly earlier: Readonly<Record<string, AdapterMetrics>>;
  readonly clock: StageClock;
}

/** An adapter's figures with what was drawn for the one that it begins at. */
function withCallsOf(start: AdapterMetrics | undefined, own: AdapterMetrics): AdapterMetrics {
  const sum = (name: "modelCalls" | "validationCalls"): Partial<AdapterMetrics> =>
    start?.[name] === undefined ? {} : { [name]: (own[name] ?? 0) + start[name] };
  return { ...own, ...sum("modelCalls"), ...sum("validationCalls") };
}

/** Trains one adapter after the other, and measures each. */
async function trainAll(
  options: SharpenOptions,
  trainings: readonly MethodTraining[],
  { split, pools, greedy, earlier, clock }: Ground,
) {
  const metrics: Record<string, AdapterMetrics> = {};
  const adapterDirs: Record<string, string> = {};
  if (trainings.length > 0) await options.amortize!.before?.(pools);
  for (const { method, trainPrompts, ...settings } of trainings) {
    const { reward, curveSamples, keepDraws } = options.amortize!;
    const { policy, task, run, n, temperature, maxTokens, seed, signal, onProgress, note, now } = options;
    const result = await clock(`amortizing, ${method.name}`, () =>
      amortize({
        ...{ n, temperature, maxTokens, seed, signal, onProgress, note, now },
        method,
        policy,
        trainers: trainersFor(options),
        task,
        run,
        split: { ...split, train: split.train.slice(0, trainPrompts) },
        reward,
        settings,
        curveSamples,
        keepDraws,
        pools,
        greedy,
      }),
    );
    const { start } = settings.fit;
    metrics[method.name] =
      start === undefined ? result.metrics : withCallsOf(metrics[start] ?? earlier[start], result.metrics);
    adapterDirs[method.name] = result.adapterDir;
  }
  return { metrics, adapterDirs };
}

/** Refuses what would fail only after hours of drawing. */
function checkOptions({
  rewards,
  policy,
  n,
  ns,
  adaptiveDelta,
  baselineSamples,
  amortize: settings,
}: SharpenOptions): void {
  checkRewards(rewards, policy);
  checkN(n);
  measuredNs(n, ns);
  if (adaptiveDelta !== undefined) adaptiveMu(adaptiveDelta);
  if (baselineSamples !== undefined) checkBaselines(policy, baselineSamples);
  if (!settings) return;
  const { noFull } = trainersFor({ policy, amortize: settings });
  const full = settings.methods.some(({ fit }) => fit.full);
  if (full && noFull !== undefined) throw new UsageError(noFull);
  checkRewards([settings.reward], policy);
  for (const { method, ...training } of settings.methods) checkMethod(method, training, settings.reward);
  const { curveSamples } = settings;
  if (!Number.isInteger(curveSamples) || curveSamples < 0)
    throw new UsageError(`curveSamples must be a whole number of at least 0, not ${curveSamples}.`);
}

/** Refuses, before anything is drawn, a reward that needs what the policy lacks. */
export function checkRewards(rewards: readonly SelfReward[], policy: Policy): void {
  if (rewards.length === 0) throw new UsageError("Name at least one self-reward.");
  for (const reward of rewards) {
    const who = `The reward ${reward.name}`;
    if (reward.needs.includes("certainties")) requireAbility(policy, "certainties", who);
    if (reward.needs.includes("entropies")) {
      requireAbility(policy, "entropies", who);
      continue;
    }
    if (!reward.needs.includes("policy") || policy.can.firstTokens) continue;
    requireAbility(policy, "scores", who);
    requireAbility(policy, "encodes", who);
  }
}

/** @throws UsageError where the policy cannot be trained, and nobody who can is named. */
function trainersFor({ policy, amortize: settings }: Pick<SharpenOptions, "policy" | "amortize">): Trainers {
  return settings?.trainers ?? trainersOf(policy, "Amortized sharpening");
}

/** @throws UsageError where a method is named twice. */
function trainingsOf({ amortize: settings }: Pick<SharpenOptions, "amortize">): MethodTraining[] {
  const byName = new Map(settings?.methods.map((training) => [training.method.name, training]));
  if (byName.size !== (settings?.methods.length ?? 0))
    throw new UsageError("A method is named twice; name each once.");
  return inOrder([...byName.keys()]).map((name) => byName.get(name)!);
}

function trainingRecord(
  { reward, curveSamples, command }: NonNullable<SharpenOptions["amortize"]>,
  { method, trainN, trainPrompts, own, fit }: MethodTraining,
  split: PromptSplit,
): TrainingRecord {
  const { validation } = split;
  const module = moduleOf(method);
  return {
    reward: reward.name,
    trainN,
    trainPrompts: trainPrompts ?? null,
    curveSamples,
    own: recordedOwn(method.options, own),
    fit,
    prompts: digestOfPrompts({ train: split.train.slice(0, trainPrompts), validation }),
    ...(module && { module }),
    command,
  };
}
