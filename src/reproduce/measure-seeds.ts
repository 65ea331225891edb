import { DataError } from "../core/errors.js";
import { costed } from "../evaluate/costs.js";
import { findings } from "../evaluate/findings.js";
import { measure, type MeasuredMetrics } from "../evaluate/measure.js";
import { measureAdapter, type AdapterSample } from "../evaluate/measure-adapter.js";
import { measureBaselines, mergedBaselines } from "../evaluate/measure-baselines.js";
import type { AdapterMetrics, Metrics } from "../evaluate/metrics.js";
import type { SelfReward } from "../reward/self-reward.js";
import { readRun } from "../run/read-run.js";
import { wordsOf } from "../sharpen/methods/registry.js";
import { readMetrics } from "../sharpen/run-metrics.js";
import type { Task } from "../task/task.js";
import { adapterSample } from "./base-log-probs.js";
import { drawnCell, type DrawnCell } from "./drawn-cell.js";
import type { AmortizedMetrics } from "./result.js";
import type { TrainingCell } from "./share-draws.js";
import { amortizedVerdict } from "./verdict.js";

/** Fixes which prompts an amortized suite measures and learns from, and what it draws unless each seed draws anew. */
export const SPLIT_SEED = 0;

/** What is known of the cells that are merged. */
export interface Merged {
  /** Whether each seed drew from the base anew. */
  readonly redraw?: boolean | undefined;
  /** What their method learned. */
  readonly reward: SelfReward;
}

/**
 * The adapters of several seeds as one: figures are means over the seeds, intervals over prompts and seeds. Where each seed drew anew, so are
 * those of the base, and each adapter is compared with the base's draws of its own seed.
 * @param done at least one.
 */
export async function measureSeeds(
  done: readonly TrainingCell[],
  task: Task,
  { redraw = false, reward }: Merged,
): Promise<AmortizedMetrics> {
  const runs = done.map(({ dir }) => readRun(dir));
  const { method } = done[0]!;
  const each = runs.map((run): Metrics => readMetrics(run)!);
  const adapters = each.map((metrics): AdapterMetrics => metrics.adapters[method]!);
  const drawn: DrawnCell[] = [];
  for (const run of redraw ? runs : runs.slice(0, 1)) drawn.push(await drawnCell(run, task));
  checkAlike(drawn, task);
  const { pools, greedy } = drawn[0]!;
  const samples: AdapterSample[] = [];
  for (const [place, run] of runs.entries()) {
    const sample = await adapterSample(run, method);
    samples.push(redraw ? { ...sample, pools: drawn[place]!.pools } : sample);
  }
  const first = each[0]!;
  const baselines = mergedBaselines(drawn.map((own) => own.baselines));
  const independent = first.temperature === 1;
  const inputs = { task, pools, greedy, seed: SPLIT_SEED, independent, baselines };
  const adapter = measureAdapter({ ...inputs, runs: samples });
  const base: Partial<MeasuredMetrics> & Pick<Metrics, "baselines"> = redraw
    ? {
        ...(await measure({
          ...inputs,
          furtherSeeds: drawn.slice(1).map((own) => own.pools),
          // What asks the model is recorded for the pools of one run alone.
          rewards: reward.needs.includes("policy") ? [] : [reward],
        })),
        ...(baselines.length > 0 && { baselines: measureBaselines({ ...inputs, drawn: baselines }) }),
      }
    : {};
  const measured: Metrics = { ...first, ...base };
  // What is said of training is of the first seed of which something was kept.
  const trained = adapters.find(({ keptEpoch }) => keptEpoch > 0) ?? adapters[0]!;
  const own = { ...measured, adapters: { [method]: { ...trained, ...adapter } } };
  const metrics = {
    prompts: measured.prompts,
    labelledPrompts: measured.labelledPrompts ?? (measured.labelled ? measured.prompts : 0),
    ...(measured.transductive && { transductive: measured.transductive }),
    ...(measured.chance !== undefined && { chance: measured.chance }),
    greedy: measured.greedy,
    base: measured.base,
    ...(measured.baselines && { baselines: measured.baselines }),
    adapter,
    epochs: adapters.map(({ epochs }) => epochs),
    keptEpochs: adapters.map(({ keptEpoch }) => keptEpoch),
    trainingPrompts: adapters[0]!.trainingPrompts,
    ...costed({ ...own, bestOfN: {} }, (name) => wordsOf(name).name),
    findings: findings(own, wordsOf),
  };
  const verdict = amortizedVerdict(metrics, own);
  return verdict === undefined ? metrics : { ...metrics, verdict };
}

/** @throws DataError where the seeds did not measure the same prompts, so that nothing could be paired. */
function checkAlike([first, ...others]: readonly DrawnCell[], task: Task): void {
  const ids = ({ pools }: DrawnCell): string => JSON.stringify(pools.map(({ prompt }) => prompt.id));
  if (others.every((other) => ids(other) === ids(first!))) return;
  throw new DataError(
    `The seeds of ${task.name} measured other prompts each: begin the suite anew in another folder.`,
  );
}
