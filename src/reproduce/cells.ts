import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { InterruptedError, RunError, UsageError, WhetstoneError } from "../core/errors.js";
import { readError, TEMPORARY_PREFIX, writeAtomically, writeError } from "../core/files.js";
import type { Policy } from "../policy/policy.js";
import { sourceOf, type Json, type RunConfig, type RunModel } from "../run/config.js";
import { firstDifference } from "../run/difference.js";
import { runVersions } from "../run/manifest.js";
import { readRun } from "../run/read-run.js";
import { startRun, type Run } from "../run/run.js";
import type { Task } from "../task/task.js";
import type { Progress } from "../sharpen/draw.js";
import { throwIfStopped } from "../sharpen/interrupt.js";
import { cellName } from "./cell-name.js";
import { PAPER_METHOD } from "./paper-settings.js";
import type { CellFailure } from "./result.js";

/** A model as a suite gets it. */
export interface OpenedModel {
  readonly policy: Policy;
  /** What manifests say of it: a cell that is resumed must find the same. */
  readonly recorded: RunModel;
}

/** What a suite is given to open models and tasks with: the library knows no command line and no clock. */
export interface SuiteHost {
  /**
   * The suite disposes of it.
   * @param name as it was asked for.
   * @param before how it was held in cells that are there already, which are to go on so.
   */
  readonly openModel: (name: string, before: RunModel | undefined) => Promise<OpenedModel>;
  readonly openTask: (
    name: string,
    model: string,
  ) => Promise<{ readonly task: Task; readonly path?: string | undefined }>;
  /** ISO 8601; for the manifests. */
  readonly createdAt: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** What every suite is told. */
export interface SuiteOptions extends SuiteHost {
  /** Models and tasks as the host opens them; each at least one. */
  readonly models: readonly string[];
  readonly tasks: readonly string[];
  /** The suite's folder: one run folder a cell, below `<model>/<task>`. */
  readonly out: string;
  /** Continue what the folder holds; cells that are finished are not touched. */
  readonly resume: boolean;
  /** Test prompts per task at most. */
  readonly prompts: number;
  /** Responses drawn per test prompt. */
  readonly n: number;
  readonly temperature: number;
  /** Samples of each test prompt in each of the base's other ways to answer (`drawBaselines`); absent: they are not measured. */
  readonly baselines?: number | undefined;
  /** The longest response, in tokens; default the task's. */
  readonly maxTokens?: number | undefined;
  /** How many seeds, at least 1. */
  readonly seeds: number;
  /** The command line, for the record. */
  readonly command: string;
  /** A clock in milliseconds, for how long a cell's stages took; absent: not measured. */
  readonly now?: (() => number) | undefined;
}

/** The suite's baselines as a run's configuration has them: nothing where they are not measured. */
export function baselinesAsked({ baselines }: Pick<SuiteOptions, "baselines">): {
  readonly baselines?: number;
} {
  return baselines === undefined ? {} : { baselines };
}

/** One run folder of a suite. */
export interface Cell {
  /** As the host opens it. */
  readonly model: string;
  readonly task: string;
  readonly seed: number;
  /** The method's name, in the amortized suite. */
  readonly method?: string;
  /** And its title, where that of its name is not it. */
  readonly title?: string;
  readonly trainN?: number;
  readonly dir: string;
}

/** A cell with what it is made of. */
export interface OpenedCell extends Cell {
  readonly task: string;
  readonly opened: Task;
  readonly taskPath?: string | undefined;
}

/**
 * The short name of a model or a task: the last part of its path, without `.gguf` or `.jsonl`; letters, digits, `.`, `_`, `-`.
 * A model behind servers is told from a local one of the same name.
 */
export function labelOf(name: string): string {
  // One letter before the colon is a drive of Windows.
  const [, scheme, served] = /^([a-z]{2,}):(.+)$/.exec(name) ?? [];
  if (scheme !== undefined) return `${scheme}-${labelOf(served!)}`;
  const last =
    name
      .split(/[\\/]+/)
      .filter((part) => part !== "")
      .at(-1) ?? "";
  const label = last.replace(/\.(gguf|jsonl)$/i, "").replace(/[^\w.-]+/g, "-");
  return /^\.*$/.test(label) ? "unnamed" : label;
}

/** The folder of a cell's run, below `<model>/<task>`. */
export function runNameOf({ seed, method, trainN }: Pick<Cell, "seed" | "method" | "trainN">): string {
  const kind = method === undefined || method === PAPER_METHOD ? "" : `${method}-`;
  return trainN === undefined ? `seed-${seed}` : `${kind}n-${trainN}-seed-${seed}`;
}

/** @throws UsageError where none are given, or two would have the same short name, and so the same place on the page. */
export function checkNames(what: "model" | "task", names: readonly string[]): void {
  if (names.length === 0) throw new UsageError(`Name at least one ${what}.`);
  const known = new Map<string, string>();
  for (const name of names) {
    const other = known.get(labelOf(name));
    if (other !== undefined) {
      throw new UsageError(
        `The ${what}s ${other} and ${name} would both be called ${labelOf(name)}; rename one, or leave it out.`,
      );
    }
    known.set(labelOf(name), name);
  }
}

/** @throws UsageError for a count that is not a whole number of at least 1. */
export function checkCounts(counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) {
    if (!Number.isSafeInteger(count) || count < 1)
      throw new UsageError(`${name} must be a whole number of at least 1, not ${String(count)}.`);
  }
}

const SUITE_FILE = "suite.json";

/**
 * Makes a suite's folder, or opens it again: models, tasks, seeds and N may be more than before, what is `fixed` may not differ.
 * @throws RunError if it holds a suite and `resume` is false, a suite of something else, or other files.
 */
export async function openSuite(
  out: string,
  resume: boolean,
  fixed: Readonly<Record<string, Json>>,
): Promise<void> {
  const file = join(out, SUITE_FILE);
  if (!existsSync(file)) {
    const foreign = existsSync(out) && readdirSync(out).find((name) => !name.startsWith(TEMPORARY_PREFIX));
    if (foreign) {
      throw new RunError(`${out} is not the folder of a suite but holds other files (${foreign})`, {
        reason: "suite-folder-taken",
        where: out,
        remedy: "choose another folder",
      });
    }
    try {
      mkdirSync(out, { recursive: true });
    } catch (cause) {
      throw writeError(out, cause);
    }
    await writeAtomically(file, `${JSON.stringify(fixed, undefined, 2)}\n`);
    return;
  }
  if (!resume)
    throw new RunError(`${out} holds a suite already`, {
      reason: "suite-exists",
      where: out,
      remedy: "set `resume` to continue it, or choose another folder",
    });
  const recorded = readSuite(file);
  for (const name of new Set([...Object.keys(fixed), ...Object.keys(recorded)])) {
    const [before, now] = [recorded[name], fixed[name]].map((value) => JSON.stringify(value) ?? "nothing");
    if (before !== now) {
      throw new RunError(`${out} is a suite with ${name} = ${before!}, but now it is ${now!}`, {
        reason: "suite-differs",
        where: out,
        remedy: "resume it as it was made, or choose another folder",
      });
    }
  }
}

function readSuite(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw readError(file, cause);
  }
  try {
    return { ...(JSON.parse(text) as Record<string, unknown>) };
  } catch (cause) {
    throw new RunError(`${file} is not valid JSON`, {
      reason: "suite-folder-taken",
      where: file,
      remedy: "choose another folder",
      cause,
    });
  }
}

/** How a cell is written and known again. */
export interface CellWork {
  /** All that fixes the cell's results, but for its model and task. */
  config(cell: OpenedCell): Omit<RunConfig, "model" | "task">;
  /** Whether nothing is left to do in a folder that was made with the same configuration. */
  finished(cell: OpenedCell): Promise<boolean>;
  run(cell: OpenedCell, run: Run, policy: Policy, progress: (progress: Progress) => void): Promise<void>;
}

/** A cell that failed. */
export type FailedCell = Cell & Pick<CellFailure, "sentence">;

/**
 * Works through cells one by one, those of a model together, each in its own run folder. A model is loaded when the first of its
 * cells has something left to do. A cell that fails is recorded with its sentence, and the others go on.
 * @throws InterruptedError once the signal has fired; everything else ends a cell only.
 */
export async function runCells(
  cells: readonly Cell[],
  work: CellWork,
  options: SuiteOptions,
): Promise<FailedCell[]> {
  const failed: FailedCell[] = [];
  let at = 0;
  for (const model of new Set(cells.map((cell) => cell.model))) {
    const own = cells.filter((candidate) => candidate.model === model);
    const load = loader(model, own, options);
    try {
      for (const cell of own) {
        throwIfStopped(options.signal, "The suite");
        const place = `cell ${++at} of ${cells.length} (${describe(cell)})`;
        const progress = (told: Progress): void =>
          options.onProgress?.({ ...told, stage: `${place}: ${told.stage}` });
        try {
          await runCell(cell, work, options, load, progress);
        } catch (error) {
          if (error instanceof InterruptedError) throw error;
          failed.push({ ...cell, sentence: sentenceOf(error) });
        }
      }
    } finally {
      await load.dispose();
    }
  }
  return failed;
}

const describe = ({ model, task, seed, ...learned }: Cell): string =>
  `${cellName({ model: labelOf(model), task: labelOf(task), ...learned })}, seed ${seed}`;

async function runCell(
  cell: Cell,
  work: CellWork,
  options: SuiteOptions,
  load: Loader,
  progress: (progress: Progress) => void,
): Promise<void> {
  const { task, path: taskPath } = await options.openTask(cell.task, cell.model);
  const opened: OpenedCell = { ...cell, opened: task, taskPath };
  const asked: Omit<RunConfig, "model"> = {
    task: sourceOf(task.name, task.digest, taskPath),
    ...work.config(opened),
  };
  if (isRunOf(cell.dir, asked) && (await work.finished(opened))) return;
  const { policy, recorded: model } = await load.model();
  const { command, createdAt } = options;
  const run = await startRun(cell.dir, { ...asked, model }, { resume: true, command, createdAt });
  try {
    await work.run(opened, run, policy, progress);
  } finally {
    await run.close();
  }
}

/**
 * Whether a folder holds a run of this configuration, whatever the model's digest and what its servers do: to know that, it
 * would have to be loaded.
 */
function isRunOf(dir: string, asked: Omit<RunConfig, "model">): boolean {
  if (!existsSync(join(dir, "manifest.json"))) return false;
  const recorded = readRun(dir).manifest;
  const { model, command, createdAt } = recorded;
  const now = { format: 2, ...runVersions(), ...asked, model, command, createdAt } as const;
  return recorded.task.digest === asked.task.digest && firstDifference(recorded, now) === undefined;
}

interface Loader {
  model(): Promise<OpenedModel>;
  dispose(): Promise<void>;
}

/** Loads a model once, when it is first needed; a model that cannot be loaded is not tried again. */
function loader(name: string, cells: readonly Cell[], { openModel }: SuiteHost): Loader {
  const begun = cells.find(({ dir }) => existsSync(join(dir, "manifest.json")));
  let loaded: Promise<OpenedModel> | undefined;
  return {
    model: () => (loaded ??= openModel(name, begun && readRun(begun.dir).manifest.model)),
    dispose: async () => {
      const model = await loaded?.catch(() => undefined);
      await model?.policy.dispose();
    },
  };
}

function sentenceOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return error instanceof WhetstoneError ? message : `Unexpected error (${message}).`;
}
