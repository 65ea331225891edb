import { join } from "node:path";
import { UsageError } from "../core/errors.js";
import { costed } from "../evaluate/costs.js";
import { findings } from "../evaluate/findings.js";
import { measure } from "../evaluate/measure.js";
import { measureBaselines, mergedBaselines } from "../evaluate/measure-baselines.js";
import type { Metrics } from "../evaluate/metrics.js";
import type { Policy } from "../policy/policy.js";
import { rewardNamed } from "../reward/registry.js";
import type { SelfReward } from "../reward/self-reward.js";
import { runVersions } from "../run/manifest.js";
import { readRun } from "../run/read-run.js";
import type { Run } from "../run/run.js";
import type { Task } from "../task/task.js";
import { checkBaselines, drawBaselines } from "../sharpen/baselines.js";
import { drawGreedy, drawResponses, type Progress } from "../sharpen/draw.js";
import { checkLengths } from "../sharpen/fitting-prompts.js";
import { recordPrompts } from "../sharpen/record-prompts.js";
import { evaluateRun } from "../sharpen/evaluate-run.js";
import {
  baselinesAsked,
  checkCounts,
  checkNames,
  labelOf,
  runNameOf,
  openSuite,
  runCells,
  type Cell,
  type CellWork,
  type FailedCell,
  type OpenedCell,
  type SuiteOptions,
} from "./cells.js";
import { drawnCell, type DrawnCell } from "./drawn-cell.js";
import { shareSearches } from "./share-draws.js";
import { inferenceVerdict } from "./verdict.js";
import type { InferenceCell, InferenceResult } from "./result.js";

/** The paper's three (App. A.2), and one of later work that needs every token's distribution. */
const REWARDS = ["log-likelihood", "length-normalized", "majority"] as const;
const WITH_CERTAINTIES = "self-certainty";

/**
 * The paper's inference-time experiments (§6, App. A.1): on each model and task the greedy response and N others to each of the
 * first prompts, with several seeds, and best-of-N under each self-reward measured from them. Every N below the largest
 * is the exact expectation over subsets, where the paper subsamples. Each model, task and seed is an ordinary run folder; killed at
 * any moment and called again with `resume`, it continues.
 * @returns the cells with a result, and those without one with the reason.
 * @throws UsageError, before anything is drawn, for settings out of range; RunError for a folder that is something else;
 * InterruptedError once the signal has fired.
 */
export async function reproduceInference(options: SuiteOptions): Promise<InferenceResult> {
  const { models, tasks, out, resume, prompts, n, seeds, temperature, maxTokens, command } = options;
  checkNames("model", models);
  checkNames("task", tasks);
  checkCounts({ prompts, n, seeds, ...baselinesAsked(options) });
  await openSuite(out, resume, {
    kind: "inference",
    ...{ prompts, n, temperature, maxTokens: maxTokens ?? null },
    ...baselinesAsked(options),
  });
  const cells: Cell[] = models.flatMap((model) =>
    tasks.flatMap((task) =>
      Array.from({ length: seeds }, (_, seed) => {
        const dir = join(out, labelOf(model), labelOf(task), runNameOf({ seed }));
        return { model, task, seed, dir };
      }),
    ),
  );
  const failed = await runCells(cells, inferenceWork(cells, options), options);
  const results: InferenceCell[] = [];
  for (const model of models) {
    for (const task of tasks) {
      const of = cells.filter((cell) => cell.model === model && cell.task === task);
      results.push(await mergeSeeds(of, failed, options));
    }
  }
  return {
    kind: "inference",
    command,
    whetstone: runVersions().whetstone,
    models: models.map(labelOf),
    tasks: tasks.map(labelOf),
    prompts,
    n,
    seeds,
    temperature,
    cells: results,
  };
}

function inferenceWork(cells: readonly Cell[], options: SuiteOptions): CellWork {
  const { prompts, n, temperature, baselines } = options;
  const maxTokensOf = (task: Task): number => options.maxTokens ?? task.maxTokens;
  return {
    config: ({ opened, seed }) => ({
      drawing: { prompts, n, temperature, maxTokens: maxTokensOf(opened) },
      ...baselinesAsked(options),
      seeds: { run: seed },
    }),
    finished: ({ dir }) => Promise.resolve(readRun(dir).json("metrics.json") !== undefined),
    run: async (cell, run, policy, onProgress) => {
      const { signal } = options;
      const draw = {
        n,
        temperature,
        maxTokens: maxTokensOf(cell.opened),
        seed: cell.seed,
        signal,
        onProgress,
      };
      shareSearches(run, cells, cell);
      await drawCell(cell, run, policy, draw);
      const responses = await run.responses();
      const rewards = rewardsFor([...(await run.greedy()), ...responses].every((r) => r.certainties));
      await evaluateRun({ run, task: cell.opened, rewards });
    },
  };

  async function drawCell(
    { opened: task }: OpenedCell,
    run: Run,
    policy: Policy,
    draw: Parameters<typeof drawResponses>[3] & { onProgress: (progress: Progress) => void },
  ): Promise<void> {
    // All test prompts are measured, and none set aside to learn from: nothing is trained here.
    const tested = task.prompts("test").slice(0, prompts);
    if (tested.length === 0) throw new UsageError(`The task ${task.name} has no prompts to measure on.`);
    await checkLengths(policy, tested, draw.maxTokens, task);
    if (baselines !== undefined) checkBaselines(policy, baselines);
    await recordPrompts(run, task, { test: tested, train: [], validation: [] }, 0);
    await drawGreedy(await run.greedyLog(), policy, tested, draw, "greedy");
    await drawResponses(await run.responseLog(), policy, tested, draw, "sampling");
    if (baselines !== undefined) await drawBaselines({ ...draw, policy, run }, baselines, tested);
  }
}

const rewardsFor = (certainties: boolean): SelfReward[] =>
  [...REWARDS, ...(certainties ? [WITH_CERTAINTIES] : [])].map(rewardNamed);

/** One model and task over all seeds that are finished: figures are means over seeds, intervals over prompts and seeds. */
async function mergeSeeds(
  cells: readonly Cell[],
  failed: readonly FailedCell[],
  options: SuiteOptions,
): Promise<InferenceCell> {
  const { model, task: taskName } = cells[0]!;
  const failures = failed
    .filter((cell) => cell.model === model && cell.task === taskName)
    .map(({ seed, sentence }) => ({ seed, sentence }));
  const done = cells.filter(({ seed }) => !failures.some((failure) => failure.seed === seed));
  const name = {
    model: labelOf(model),
    task: labelOf(taskName),
    seeds: done.map(({ seed }) => seed),
    failures,
  };
  if (done.length === 0) return name;
  const { task } = await options.openTask(taskName, model);
  const runs = done.map(({ dir }) => readRun(dir));
  const drawn: DrawnCell[] = [];
  for (const run of runs) drawn.push(await drawnCell(run, task));
  const { manifest } = runs[0]!;
  const metrics = await measureSeeds(task, name.model, drawn, options);
  const verdict = inferenceVerdict(metrics);
  return {
    ...name,
    metrics,
    ...(verdict && { verdict }),
    provenance: {
      modelDigest: manifest.model.digest,
      taskDigest: manifest.task.digest,
      maxTokens: options.maxTokens ?? task.maxTokens,
    },
  };
}

/** @param drawn by seed, at least one. */
async function measureSeeds(
  task: Task,
  model: string,
  drawn: readonly DrawnCell[],
  { temperature }: SuiteOptions,
): Promise<Metrics> {
  const [pools, ...furtherSeeds] = drawn.map((own) => own.pools);
  const baselines = mergedBaselines(drawn.map((own) => own.baselines));
  const certainties = drawn.every((own) =>
    own.pools.every(({ responses }) => responses.every((r) => r.certainties)),
  );
  const base = { task, pools: pools!, greedy: drawn[0]!.greedy, seed: 0 };
  const rewards = rewardsFor(certainties);
  const parts = {
    ...(await measure({ ...base, furtherSeeds, rewards, baselines, independent: temperature === 1 })),
    model,
    temperature,
    ...(baselines.length > 0 && { baselines: measureBaselines({ ...base, drawn: baselines }) }),
    adapters: {},
    findings: [],
    seconds: {},
  };
  return { ...parts, ...costed(parts), findings: findings(parts) };
}
