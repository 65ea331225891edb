import { existsSync } from "node:fs";
import { join } from "node:path";
import { UsageError } from "../core/errors.js";
import type { Policy } from "../policy/policy.js";
import { trainersOf } from "../policy/local-trainer.js";
import { runVersions } from "../run/manifest.js";
import type { Run } from "../run/run.js";
import { readRun } from "../run/read-run.js";
import type { Progress } from "../sharpen/draw.js";
import { splitPrompts } from "../sharpen/prompts.js";
import { BASE_DRAWS } from "../sharpen/methods/base-responses.js";
import type { Method } from "../sharpen/methods/method.js";
import { titleOf } from "../sharpen/methods/registry.js";
import type { OwnSettings } from "../sharpen/methods/options.js";
import { recordedOwn } from "../sharpen/training-record.js";
import { readMetrics } from "../sharpen/run-metrics.js";
import { checkFit, type FitOptions } from "../sharpen/fit-adapter.js";
import { sharpenTask } from "../sharpen/sharpen-task.js";
import { isScored } from "./base-log-probs.js";
import type { Task } from "../task/task.js";
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
  type OpenedCell,
  type SuiteOptions,
} from "./cells.js";
import { learningOf, learningsOf, type Learned } from "./learned-rewards.js";
import { measureSeeds, SPLIT_SEED } from "./measure-seeds.js";
import { PAPER_METHOD } from "./paper-settings.js";
import type { AmortizedCell, AmortizedResult, TrainedWith } from "./result.js";
import { shareDraws, shareSearches, type TrainingCell } from "./share-draws.js";

/** What the amortized suite is told beside what every suite is. */
export interface AmortizedOptions extends SuiteOptions, Learned {
  /** Responses drawn per training prompt; several for figure 9. */
  readonly trainNs: readonly number[];
  /** Training prompts at most. Default: all. */
  readonly trainPrompts?: number | undefined;
  /** Samples per test prompt for each point of the training curves. */
  readonly curveSamples: number;
  /** Whether the seeds are of drawing as well as of training, so that intervals have the variance of both. Default: no, as in the paper. */
  readonly redraw?: boolean | undefined;
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

/**
 * The paper's amortized experiments (§6, App. A.3): SFT-Sharpening by log-likelihood of each model on each task, for each N, with
 * several seeds; or other methods and self-rewards in their place. Each adapter is sampled at the suite's temperature. The seeds are of
 * training (the adapter's initial values and the order of the examples); splits and draws from the base are the same for all, and drawn once. With
 * `redraw` each seed draws anew, too, to the same prompts. Otherwise as `reproduceInference`.
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
        methods.flatMap(({ name: method, title }) =>
          Array.from({ length: seeds }, (_, seed) => {
            const dir = join(out, labelOf(model), labelOf(task), runNameOf({ seed, method, trainN }));
            const words = titleOf(method) === title ? {} : { title };
            return { model, task, method, ...words, seed, trainN, dir };
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
    ...(options.redraw && { redraw: true }),
    trainNs,
    cells: results,
  };
}

/** What a suite that is continued must be as. */
function fixedOf(options: AmortizedOptions): Parameters<typeof openSuite>[2] {
  const { prompts, n, temperature, curveSamples, maxTokens = null, trainPrompts = null } = options;
  const drawing = { prompts, n, temperature, maxTokens, trainPrompts, curveSamples };
  return {
    kind: "amortized",
    ...drawing,
    ...baselinesAsked(options),
    ...(options.redraw && { redraw: true }),
  };
}

/** The seed of a cell's draws. */
const drawSeedOf = ({ redraw = false }: AmortizedOptions, seed: number): number =>
  redraw ? seed : SPLIT_SEED;

/** The task with its prompts split as they are for the suite's first seed, whatever the seed of a run. */
function splitOnce(task: Task, prompts: number): Task {
  const split = splitPrompts(task, { prompts, seed: SPLIT_SEED });
  return { ...task, prompts: (name) => split[name] };
}

function amortizedWork(cells: readonly TrainingCell[], options: AmortizedOptions): CellWork {
  const { prompts, n, temperature, maxTokens, trainPrompts, curveSamples, training } = options;
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
        seeds: { run: drawSeedOf(options, seed), training: seed },
      };
    },
    finished: async ({ dir, method }) => {
      const run = readRun(dir);
      return readMetrics(run)?.adapters[method!] !== undefined && (await isScored(run, method!));
    },
    run: (cell, run, policy, onProgress) => trainCell(cells, options, cell, { run, policy, onProgress }),
  };
}

/** Where a cell's work goes. */
interface Into {
  readonly run: Run;
  readonly policy: Policy;
  readonly onProgress: (progress: Progress) => void;
}

/** Draws, trains and measures one cell. */
async function trainCell(
  cells: readonly TrainingCell[],
  options: AmortizedOptions,
  cell: OpenedCell,
  { run, policy, onProgress }: Into,
): Promise<void> {
  const { prompts, n, temperature, maxTokens, trainPrompts, curveSamples, training, signal } = options;
  const { model, task, seed, trainN, opened } = cell;
  const { method, asked, reward } = learningOf(options, cell.method);
  const trainers = trainersOf(policy, "Amortized sharpening");
  const split = splitOnce(opened, prompts);
  if (split.prompts("train").length === 0)
    throw new UsageError(`${opened.name} has too few different prompts to learn from.`);
  shareDraws(run, cells, options, { ...cell, method: method.name, trainN: trainN! });
  if (options.redraw) shareSearches(run, cells, cell);
  const { fit, own } = training(asked, model, task);
  await sharpenTask({
    policy,
    task: options.redraw ? split : opened,
    run,
    rewards: [reward],
    prompts,
    n,
    temperature,
    maxTokens: maxTokens ?? opened.maxTokens,
    seed: drawSeedOf(options, seed),
    baselineSamples: options.baselines,
    amortize: {
      reward,
      methods: [{ method, trainN: trainN!, trainPrompts, own, fit: { ...fit, seed } }],
      curveSamples,
      // Full draws cost more than one choice needs, and less than drawing for each.
      keepDraws: learningsOf(options).length > 1 || existsSync(join(run.dir, BASE_DRAWS.name)),
      trainers,
      command: options.command,
    },
    now: options.now,
    signal,
    onProgress,
  });
}

/** One model, task and N over all seeds that are finished. */
async function mergeSeeds(
  cells: readonly TrainingCell[],
  failed: readonly FailedCell[],
  options: AmortizedOptions,
): Promise<AmortizedCell> {
  const { model, task: taskName, method, title, trainN } = cells[0]!;
  const failures = failed
    .filter(({ dir }) => cells.some((cell) => cell.dir === dir))
    .map(({ seed, sentence }) => ({ seed, trainN, sentence }));
  const done = cells.filter(({ seed }) => !failures.some((failure) => failure.seed === seed));
  const cell = {
    model: labelOf(model),
    task: labelOf(taskName),
    method,
    ...(title !== undefined && { title }),
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
    metrics: await measureSeeds(done, task, {
      redraw: options.redraw,
      reward: learningOf(options, method).reward,
    }),
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
  const { epochs, batchSize, learningRate, schedule, clipNorm, weightDecay, rank, full } = checkFit({
    ...fit,
    seed: 0,
  });
  return {
    source,
    epochs,
    batchSize,
    learningRate,
    schedule,
    clipNorm,
    weightDecay,
    rank: full ? "full" : rank,
  };
}
