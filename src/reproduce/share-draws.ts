import { copyFileSync, existsSync, readdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { temporaryPath } from "../core/files.js";
import { readRun, type RunReader } from "../run/read-run.js";
import type { Run } from "../run/run.js";
import { BASELINE_FILES, BEAM_FILES } from "../sharpen/baselines.js";
import { BASE_DRAWS } from "../sharpen/methods/base-responses.js";
import type { Cell } from "./cells.js";
import { learningOf, type Learned } from "./learned-rewards.js";

/** A cell of the amortized suite. */
export interface TrainingCell extends Cell {
  readonly method: string;
  readonly trainN: number;
}

/** What the seeds of a model and task have in common, and is therefore drawn once. */
const SHARED = ["prompts.jsonl", "greedy.jsonl", "responses.jsonl", ...BASELINE_FILES] as const;

/** And what the reward chose among it. */
const CHOICES = "selections.jsonl";

/**
 * Takes over what another cell of the same model and task has drawn from the base with the same seed: the same draws. A cell that an earlier
 * call of the suite finished need not be one of this call's.
 */
export function shareDraws(
  run: Run,
  cells: readonly TrainingCell[],
  learned: Learned,
  { model, task, trainN, method: name }: TrainingCell,
): void {
  const own = learningOf(learned, name);
  for (const cell of alike(run, cells, { model, task })) {
    const other = learningOf(learned, cell.method);
    const sameReward = other.reward === own.reward;
    const sameDraws = other.asked === own.asked && cell.trainN === trainN;
    const ofMethod = own.method.draws.filter(({ bySettings }) => sameDraws && (sameReward || !bySettings));
    takeOver(cell.dir, run.dir, [
      ...SHARED,
      ...(sameReward ? [CHOICES] : []),
      ...toLearnFrom([cell.trainN], trainN),
      ...ofMethod.map((file) => file.name),
    ]);
  }
  for (const { dir, manifest } of earlier(run, cells)) {
    const sizes = Object.values(manifest.amortize?.methods ?? {}).map(({ trainN: size }) => Number(size));
    takeOver(dir, run.dir, [...SHARED, ...toLearnFrom(sizes, trainN)]);
  }
}

/**
 * The base's own draws to learn from, which are no method's: who needs N responses a prompt learns from the first N of more. Of fewer,
 * nothing is taken, since who only chooses draws less than all.
 */
const toLearnFrom = (sizes: readonly number[], trainN: number): string[] =>
  sizes.some((size) => size >= trainN) ? [BASE_DRAWS.name] : [];

/** Cells beside a run's that are none of this call's: of other methods, rewards or settings. */
function earlier(run: Run, cells: readonly Cell[]): RunReader[] {
  const place = dirname(run.dir);
  const known = new Set([run.dir, ...cells.map(({ dir }) => dir)]);
  return readdirSync(place)
    .map((name) => join(place, name))
    .filter((dir) => !known.has(dir))
    .flatMap((dir) => drawnAlike(run, dir) ?? []);
}

/** Takes over what a cell of the same model and task found without drawing, whatever its seed: the greedy responses, and beams. */
export function shareSearches(run: Run, cells: readonly Cell[], of: Pick<Cell, "model" | "task">): void {
  for (const { dir } of alike(run, cells, of, true)) takeOver(dir, run.dir, ["greedy.jsonl", ...BEAM_FILES]);
}

/** Other cells of the same model and task that are finished, and drew with the same seed. @param anySeed or with another. */
function alike<C extends Cell>(
  run: Run,
  cells: readonly C[],
  { model, task }: Pick<Cell, "model" | "task">,
  anySeed = false,
): C[] {
  return cells.filter(
    (cell) =>
      cell.model === model &&
      cell.task === task &&
      cell.dir !== run.dir &&
      drawnAlike(run, cell.dir, anySeed) !== undefined,
  );
}

/** A folder's run, where it is finished, of the same model and task, and drew with the same seed. @param anySeed or with another. */
function drawnAlike({ manifest }: Run, dir: string, anySeed = false): RunReader | undefined {
  if (!existsSync(join(dir, "metrics.json"))) return undefined;
  const other = readRun(dir);
  const { model, task, seeds } = other.manifest;
  const sameDraws = anySeed || seeds.run === manifest.seeds.run;
  return sameDraws && model.digest === manifest.model.digest && task.digest === manifest.task.digest
    ? other
    : undefined;
}

/** Copies what is there, and not yet here. */
function takeOver(from: string, to: string, names: readonly string[]): void {
  for (const name of names) {
    if (existsSync(join(to, name)) || !existsSync(join(from, name))) continue;
    const draft = temporaryPath(join(to, name));
    copyFileSync(join(from, name), draft);
    renameSync(draft, join(to, name));
  }
}
