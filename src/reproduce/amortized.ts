import { join } from "node:path";
import { UsageError } from "../core/errors.js";
import { costed } from "../evaluate/costs.js";
import { findings } from "../evaluate/findings.js";
import { measureAdapter } from "../evaluate/measure-adapter.js";
import type { AdapterMetrics, Metrics } from "../evaluate/metrics.js";
import { trainersOf } from "../policy/local-trainer.js";
import { runVersions } from "../run/manifest.js";
import { readRun } from "../run/read-run.js";
import { recordedBaselines } from "../sharpen/baselines.js";
import { drawnPrompts } from "../sharpen/drawn-prompts.js";
import { splitPrompts } from "../sharpen/prompts.js";
import type { Method } from "../sharpen/methods/method.js";
import type { OwnSettings } from "../sharpen/methods/options.js";
import { wordsOf } from "../sharpen/methods/registry.js";
import { recordedOwn } from "../sharpen/training-record.js";
import { readMetrics } from "../sharpen/run-metrics.js";
import { checkFit, type FitOptions } from "../sharpen/fit-adapter.js";
import { poolsOf } from "../sharpen/selections.js";
import { sharpenTask } from "../sharpen/sharpen-task.js";
import { adapterSample, isScored } from "./base-log-probs.js";
import {
  baselinesAsked,
  checkCounts,
  checkNames,
  labelOf,
  runNameOf,
  openSuite,
  runCells,
  type CellWork,
  type FailedCell,
  type SuiteOptions,
} from "./cells.js";
import { learningOf, learningsOf, type Learned } from "./learned-rewards.js";
import { PAPER_METHOD } from "./paper-settings.js";
import type { AmortizedCell, AmortizedMetrics, AmortizedResult, TrainedWith } from "./result.js";
import { shareDraws, type TrainingCell } from "./share-draws.js";
import { amortizedVerdict } from "./verdict.js";

/** What the amortized suite is told beside what every suite is. */
export interface AmortizedOptions extends SuiteOptions, Learned {
  /** Responses drawn per training prompt; several for figure 9. */
  readonly trainNs: readonly number[];
  /** Training prompts at most. Default: all. */
  readonly trainPrompts?: number | undefined;
  /** Samples per test prompt for each point of the training curves. */
  readonly curveSamples: number;
  /** How a method trains a model on a task, and where that comes from, in words. */
  readonly training: (
    method: Method,
    model: string,
    task: string,
  ) => {
    readonly fit: Omit<FitOptions, "seed" | "signal">;
    readonly own?: OwnSettings;
    readonly source: string;
  };
}

/** The run's own seed, which fixes splits and draws; the suite's seeds are of training. */
const RUN_SEED = 0;

/**
 * The paper's amortized experiments (§6, App. A.3): SFT-Sharpening by log-likelihood of each model on each task, for each N, with
 * several seeds; or other methods and self-rewards in their place. Each adapter is sampled at the suite's temperature. The seeds are of
 * training (the adapter's initial values and the order of the examples); splits and draws from the base are the same for all, and drawn once. Otherwise as `reproduceInference`.
 */
export async function reproduceAmortized(options: AmortizedOptions): Promise<AmortizedResult> {
  const { models, tasks, out, resume, prompts, n, seeds, temperature, command } = options;
  const methods = learningsOf(options).map(({ method }) => method);
  const trainNs = [...new Set(options.trainNs)].sort((a, b) => a - b);
  checkNames("model", models);
  checkNames("task", tasks);
  for (const trainN of trainNs) checkCounts({ "N of training": trainN });
  checkCounts({ prompts, n, seeds, ...baselinesAsked(options) });
  if (trainNs.length === 0) throw new UsageError("Name at least one N to train with.");
  await openSuite(out, resume, fixedOf(options));
  const cells: TrainingCell[] = models.flatMap((model) =>
    tasks.flatMap((task) =>
      // The largest N first: it is Table 1.
      [...trainNs].reverse().flatMap((trainN) =>
        methods.flatMap(({ name: method }) =>
          Array.from({ length: seeds }, (_, seed) => {
            const dir = join(out, labelOf(model), labelOf(task), runNameOf({ seed, method, trainN }));
            return { model, task, method, seed, trainN, dir };
          }),
        ),
      ),
    ),
  );
  const failed = await runCells(cells, amortizedWork(cells, options), options);
  const alone = methods.length === 1 && methods[0]!.name === PAPER_METHOD;
  const results: AmortizedCell[] = [];
  for (const model of models) {
    for (const task of tasks) {
      for (const { name: method } of methods) {
        for (const trainN of trainNs) {
          const of = cells.filter(
            (c) => c.model === model && c.task === task && c.method === method && c.trainN === trainN,
          );
          const { method: _, ...merged } = await mergeSeeds(of, failed, options);
          results.push(alone ? merged : { ...merged, method });
        }
      }
    }
  }
  return {
    kind: "amortized",
    command,
    whetstone: runVersions().whetstone,
    models: models.map(labelOf),
    tasks: tasks.map(labelOf),
    prompts,
    n,
    seeds,
    temperature,
    ...(!alone && { methods: methods.map(({ name }) => name) }),
    trainNs,
    cells: results,
  };
}

/** What a suite that is continued must be as. */
function fixedOf(options: AmortizedOptions): Parameters<typeof openSuite>[2] {
  const { prompts, n, temperature, curveSamples, maxTokens = null, trainPrompts = null } = options;
  const drawing = { prompts, n, temperature, maxTokens, trainPrompts, curveSamples };
  return { kind: "amortized", ...drawing, ...baselinesAsked(options) };
}

function amortizedWork(cells: readonly TrainingCell[], options: AmortizedOptions): CellWork {
  const { prompts, n, temperature, maxTokens, trainPrompts, curveSamples, training, signal } = options;
  return {
    config: ({ model, task, trainN, opened, seed, method: name }) => {
      const { method, asked, reward } = learningOf(options, name);
      const { fit, own } = training(asked, model, task);
      const { targetModules, ...numbers } = fit;
      const settings = {
        trainN: trainN!,
        trainPrompts: trainPrompts ?? null,
        curveSamples,
        ...recordedOwn(method.options, own),
        ...numbers,
        ...(targetModules && { targetModules: [...targetModules] }),
      };
      return {
        drawing: { prompts, n, temperature, maxTokens: maxTokens ?? opened.maxTokens },
        rewards: [{ name: reward.name }],
        ...baselinesAsked(options),
        amortize: { reward: { name: reward.name }, methods: { [method.name]: settings } },
        seeds: { run: RUN_SEED, training: seed },
      };
    },
    finished: async ({ dir, method }) => {
      const run = readRun(dir);
      return readMetrics(run)?.adapters[method!] !== undefined && (await isScored(run, method!));
    },
    run: async (cell, run, policy, onProgress) => {
      const { model, task, seed, trainN, opened } = cell;
      const { method, asked, reward } = learningOf(options, cell.method);
      const trainers = trainersOf(policy, "Amortized sharpening");
      if (splitPrompts(opened, { prompts, seed: RUN_SEED }).train.length === 0)
        throw new UsageError(`${opened.name} has too few different prompts to learn from.`);
      shareDraws(run, cells, options, { ...cell, method: method.name, trainN: trainN! });
      const { fit, own } = training(asked, model, task);
      await sharpenTask({
        policy,
        task: opened,
        run,
        rewards: [reward],
        prompts,
        n,
        temperature,
        maxTokens: maxTokens ?? opened.maxTokens,
        seed: RUN_SEED,
        baselineSamples: options.baselines,
        amortize: {
          reward,
          methods: [{ method, trainN: trainN!, trainPrompts, own, fit: { ...fit, seed } }],
          curveSamples,
          // Full draws cost more than one choice needs, and less than drawing for each.
          keepDraws: learningsOf(options).length > 1,
          trainers,
          command: options.command,
        },
        now: options.now,
        signal,
        onProgress,
      });
    },
  };
}

/** One model, task and N over all seeds that are finished. */
async function mergeSeeds(
  cells: readonly TrainingCell[],
  failed: readonly FailedCell[],
  options: AmortizedOptions,
): Promise<AmortizedCell> {
  const { model, task: taskName, method, trainN } = cells[0]!;
  const failures = failed
    .filter(({ dir }) => cells.some((cell) => cell.dir === dir))
    .map(({ seed, sentence }) => ({ seed, trainN, sentence }));
  const done = cells.filter(({ seed }) => !failures.some((failure) => failure.seed === seed));
  const cell = {
    model: labelOf(model),
    task: labelOf(taskName),
    method,
    trainN,
    seeds: done.map(({ seed }) => seed),
    settings: trainedWith(options, cells[0]!),
    failures,
  };
  if (done.length === 0) return cell;
  const { manifest } = readRun(done[0]!.dir);
  const { task } = await options.openTask(taskName, model);
  return {
    ...cell,
    metrics: await measureSeeds(done, task),
    provenance: {
      modelDigest: manifest.model.digest,
      taskDigest: manifest.task.digest,
      maxTokens: options.maxTokens ?? task.maxTokens,
    },
  };
}

function trainedWith(options: AmortizedOptions, cell: TrainingCell): TrainedWith {
  const { asked } = learningOf(options, cell.method);
  const { fit, source } = options.training(asked, cell.model, cell.task);
  const { epochs, batchSize, learningRate, clipNorm, weightDecay, rank, full } = checkFit({
    ...fit,
    seed: 0,
  });
  return { source, epochs, batchSize, learningRate, clipNorm, weightDecay, rank: full ? "full" : rank };
}

/** Intervals over prompts and seeds; the base's draws are the same in every seed. */
async function measureSeeds(
  done: readonly TrainingCell[],
  task: Parameters<typeof poolsOf>[0],
): Promise<AmortizedMetrics> {
  const runs = done.map(({ dir }) => readRun(dir));
  const { method } = done[0]!;
  const each = runs.map((run): Metrics => readMetrics(run)!);
  const adapters = each.map((metrics): AdapterMetrics => metrics.adapters[method]!);
  const drawn = await drawnPrompts(runs[0]!);
  const prompts = drawn.map(({ prompt }) => prompt);
  const pools = poolsOf(
    task,
    prompts,
    drawn.map(({ responses }) => responses),
  );
  const samples = [];
  for (const run of runs) samples.push(await adapterSample(run, method));
  const greedy = drawn.map((prompt) => prompt.greedy);
  const baselines = await recordedBaselines(runs[0]!, prompts);
  const adapter = measureAdapter({
    task,
    pools,
    greedy,
    seed: RUN_SEED,
    independent: each[0]!.temperature === 1,
    baselines,
    runs: samples,
  });
  const first = each[0]!;
  const labelledPrompts = first.labelledPrompts ?? (first.labelled ? first.prompts : 0);
  // What is said of training is of the first seed of which something was kept.
  const trained = adapters.find(({ keptEpoch }) => keptEpoch > 0) ?? adapters[0]!;
  const merged = { ...trained, ...adapter };
  const own = { ...first, adapters: { [method]: merged } };
  const metrics = {
    prompts: first.prompts,
    labelledPrompts,
    greedy: first.greedy,
    base: first.base,
    ...(first.baselines && { baselines: first.baselines }),
    adapter,
    epochs: adapters.map(({ epochs }) => epochs),
    keptEpochs: adapters.map(({ keptEpoch }) => keptEpoch),
    trainingPrompts: adapters[0]!.trainingPrompts,
    ...costed({ ...own, bestOfN: {} }, (name) => wordsOf(name).name),
    findings: findings(own, wordsOf),
  };
  const verdict = amortizedVerdict(metrics);
  return verdict === undefined ? metrics : { ...metrics, verdict };
}
