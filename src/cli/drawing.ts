import { UsageError } from "../core/errors.js";
import { moduleOf } from "../core/own-module.js";
import { checkDrawing } from "../policy/capabilities.js";
import { LocalPolicy } from "../policy/local-policy.js";
import type { Policy } from "../policy/policy.js";
import { sourceOf, type PowerSampler, type RunConfig, type RunModel } from "../run/config.js";
import { partOf } from "../run/parts.js";
import { readRun } from "../run/read-run.js";
import { startRun, type Run } from "../run/run.js";
import { presetFor, type Preset } from "../sharpen/presets.js";
import { withoutLong } from "../sharpen/fitting-prompts.js";
import { FEWEST_TO_SPLIT, type PromptSplit } from "../sharpen/prompts.js";
import { findGrader } from "../task/graders.js";
import { taskEntry } from "../task/registry.js";
import type { Task } from "../task/task.js";
import { bytesOfFullTraining } from "../transformer/train/pass-memory.js";
import type { Context } from "./context.js";
import { DEFAULT_MODEL, DEFAULT_N, DEFAULT_TASK } from "./defaults.js";
import { estimateInWords, estimateOf, measureDrawing, type PlannedWork } from "./estimate.js";
import { needModel } from "./need-model.js";
import type { DRAWING, Values } from "./options.js";
import { holdingOfRun, whileOpen } from "./existing-run.js";
import { recordUsage, usageLine } from "./remote.js";
import { runFolder } from "./run-folder.js";
import { writtenOut, type Settings } from "./settings.js";
import {
  heldAsBefore,
  holdingOf,
  keptBy,
  policySource,
  openPolicy,
  openTask,
  promptsOf,
  recordedModel,
  settled,
  type ModelSource,
  type OpenedTask,
} from "./sources.js";

/** Few machines draw more of a model that people use in an hour. */
const TOKENS_OF_AN_HOUR = 1e6;

export type DrawingValues = Values<(typeof DRAWING)[number] | "run" | "resume" | "dryRun">;

/** What a command draws: model, task and the settings of drawing, every default filled in. */
export interface Drawing {
  readonly source: ModelSource;
  readonly opened: OpenedTask;
  readonly preset: Preset | undefined;
  readonly n: number;
  readonly temperature: number;
  readonly maxTokens: number;
  readonly seed: number;
  readonly prompts: number | undefined;
  /** Absent: independent samples of π. */
  readonly sampler?: PowerSampler;
  /** Of the task, as they were given. */
  readonly taskOptions: Pick<RunConfig["task"], "grader" | "orders" | "rows" | "form" | "skipLong">;
  /** The same under the names of the options' table, without model, task and seed. */
  readonly settings: Settings;
}

/**
 * @param named the task as an argument.
 * @throws UsageError if `--task` names another; RunError where a run that is to be resumed is none.
 */
export async function resolveDrawing(
  named: string | undefined,
  values: DrawingValues,
  context: Context,
): Promise<Drawing> {
  if (named !== undefined && values.task !== undefined && named !== values.task) {
    throw new UsageError(`Two tasks are given, ${named} and ${values.task}; name one.`);
  }
  const taskName = named ?? values.task ?? DEFAULT_TASK;
  const unsettled = await policySource(values.model ?? DEFAULT_MODEL, values);
  const preset = presetFor(unsettled.name, taskName);
  const orders = values.orders ?? preset?.orders;
  const { data, rows } = values;
  const given = values.grader === undefined ? undefined : await findGrader(values.grader);
  const opened = await openTask(
    taskName,
    {
      ...(given !== undefined && { grader: given }),
      ...(orders !== undefined && { orders }),
      ...(data !== undefined && { data }),
      ...(rows !== undefined && { rows }),
      ...(values.raw && { raw: true }),
    },
    await promptsOf(unsettled),
  );
  // A run goes on where it was begun, whatever a trial would say now.
  const begun = (): RunModel | undefined =>
    values.resume ? readRun(runFolder(values.run, opened.task.name, true)).manifest.model : undefined;
  const source = unsettled.auto ? await settled(unsettled, values, context, begun()) : unsettled;
  const splits = (["test", "train", "validation"] as const).map((split) => opened.task.prompts(split));
  await needModel(values.model, splits.flat());
  // Of a user's file, the grader that was chosen for it too: the run is to keep it.
  const chosen = opened.task.grader;
  const grader = given ? partOf(given) : chosen === undefined ? undefined : { name: chosen };
  const { n = DEFAULT_N, temperature = 1, seed = 0, prompts } = values;
  const maxTokens = values.maxTokens ?? opened.task.maxTokens;
  const settings: Settings = {
    grader: values.grader ?? chosen ?? null,
    orders: orders ?? null,
    ...(rows !== undefined && { rows }),
    ...holdingOf(source),
    prompts: prompts ?? null,
    n,
    temperature,
    maxTokens,
  };
  const taskOptions = {
    ...(grader && { grader }),
    ...(orders !== undefined && { orders }),
    ...(rows !== undefined && { rows }),
    ...(opened.form && { form: opened.form }),
    ...(values.skipLong && { skipLong: true as const }),
  };
  return { source, opened, preset, n, temperature, maxTokens, seed, prompts, taskOptions, settings };
}

/** A run folder that is open, with the model loaded. */
export interface OpenedRun {
  readonly run: Run;
  readonly policy: Policy;
  /** With `--skip-long` without the prompts that the model cannot hold. */
  readonly task: Task;
}

/** What a run is to do beside drawing. */
export type AskedOfRun = Pick<RunConfig, "rewards" | "adaptive" | "baselines" | "amortize">;

/** What a run is made of. */
export interface RunRequest {
  readonly drawing: Drawing;
  readonly values: DrawingValues;
  /** Everything that fixes the run's results, under the names of the options' table. */
  readonly settings: Settings;
  readonly asked: AskedOfRun;
  /** Of the task without the prompts that are left out. */
  readonly planned: (task: Task) => PlannedWork;
}

/**
 * Loads the model, opens the run folder (a new one, or one to resume), does the work and closes both, whatever happens. For a dry run, or
 * where a person at the terminal is asked and says no, nothing is opened and nothing done.
 */
export async function withRun(
  name: "sharpen" | "sample",
  request: RunRequest,
  context: Context,
  work: (opened: OpenedRun) => Promise<void>,
): Promise<void> {
  const { drawing, values } = request;
  const { source, opened } = drawing;
  const resume = values.resume === true;
  const dir = runFolder(values.run, opened.task.name, resume);
  const held = heldAsBefore(source, resume ? holdingOfRun(dir) : undefined);
  const policy = await openPolicy(held, values, context);
  try {
    checkDrawing(policy, drawing.temperature);
    const note = (text: string): void => context.note(text);
    const task = values.skipLong
      ? await withoutLong(policy, opened.task, drawing.maxTokens, note)
      : opened.task;
    const fitting = { ...request, drawing: { ...drawing, opened: { ...opened, task } } };
    if (!(await goesOn(policy, fitting, context))) return;
    const settings = { ...request.settings, ...keptBy(policy) };
    const command = commandOf(name, { ...request, settings });
    const createdAt = new Date().toISOString();
    const run = await startRun(dir, configOf(request, policy), { resume, command, createdAt });
    await whileOpen(run, async () => {
      note(`Run folder: ${dir}`);
      try {
        await work({ run, policy, task });
      } finally {
        if (policy.served && policy.served.usage.requests > 0) await recordUsage(run, policy.served);
      }
    });
  } finally {
    if (policy.served && policy.served.usage.requests > 0)
      context.note(usageLine(policy.name, policy.served));
    await policy.dispose();
  }
}

/** Whether the run is to begin: it is measured first for a dry run, or where it may take hours and somebody is there to be asked. */
async function goesOn(
  policy: Policy,
  { drawing, values, ...request }: RunRequest,
  context: Context,
): Promise<boolean> {
  const { n, temperature, maxTokens, seed, opened } = drawing;
  const planned = request.planned(opened.task);
  const dry = values.dryRun === true;
  const mayBeLong = planned.drawn * maxTokens > TOKENS_OF_AN_HOUR && context.progress.live;
  if (!dry && !mayBeLong) return true;
  if (drawing.source.remote?.batch) {
    if (dry) throw new UsageError("--dry-run is not for batch files: nothing tells how fast they are drawn.");
    return true;
  }
  const options = { n, temperature, maxTokens, seed, signal: context.signal };
  const measured = await measureDrawing(policy, opened.task.prompts("test"), options, () => context.now());
  const peak = policy.served ? undefined : process.resourceUsage().maxRSS * 1024;
  const full = planned.full && policy instanceof LocalPolicy;
  const training = full ? bytesOfFullTraining(policy.runtime.model.config) : undefined;
  const estimate = estimateOf(planned, measured, peak, training);
  if (dry) {
    context.say(`${estimateInWords(estimate)} Nothing was written.`);
    context.result({ dryRun: true, ...estimate });
    return false;
  }
  if (estimate.seconds < 3600) return true;
  context.note(estimateInWords(estimate));
  return (await context.confirm("Go on?")) ?? true;
}

function configOf({ drawing, asked }: RunRequest, policy: Policy): RunConfig {
  const module = moduleOf(drawing.opened.task);
  const { source, opened, taskOptions, n, temperature, maxTokens, prompts, sampler, seed } = drawing;
  return {
    model: recordedModel(policy, source),
    task: {
      ...sourceOf(opened.task.name, opened.task.digest, opened.path),
      ...(module && { module }),
      ...taskOptions,
    },
    drawing: {
      n,
      temperature,
      maxTokens,
      ...(prompts !== undefined && { prompts }),
      ...(sampler && { sampler }),
    },
    ...asked,
    seeds: { run: seed },
  };
}

/** The command line that makes the run again, options written out. */
function commandOf(
  name: "sharpen" | "sample",
  { drawing: { opened, seed, source }, values, settings }: RunRequest,
): string {
  const { data } = values;
  const isFile = opened.path !== undefined && taskEntry(opened.task.name) === undefined;
  const task = isFile ? (values.task ?? opened.path) : opened.task.name;
  const words = [name, task, ...(data === undefined ? [] : ["--data", data]), "--model"];
  const { remote } = source;
  const urls = remote && remote.baseUrls.length > 0 ? ["--base-url", remote.baseUrls.join(",")] : [];
  const servers = remote ? [...urls, "--api", remote.api] : [];
  const raw = values.raw && !remote ? ["--raw"] : [];
  const skip = values.skipLong ? ["--skip-long"] : [];
  return writtenOut([...words, values.model ?? DEFAULT_MODEL, ...servers, ...raw, ...skip], {
    ...settings,
    seed,
  });
}

/**
 * Tells what was taken from a user's file, how its answers are compared, and what becomes of its prompts where it says of none that it
 * is for training. Of other tasks there is nothing to tell.
 */
export function tellTask(task: Task, split: PromptSplit, learn: boolean, context: Context): void {
  for (const note of task.notes ?? []) context.note(note);
  const { train, validation, test } = split;
  if (!learn || task.prompts("train").length > 0) return;
  context.note(
    train.length === 0
      ? `${task.name} has too few different prompts to learn from (at least ${FEWEST_TO_SPLIT}): all are measured, and nothing is trained.`
      : `No prompt of ${task.name} is marked for training: ${test.length} are measured, ${train.length} are for training, and ` +
          `${validation.length} choose the iterate. To divide them otherwise, give each line a field "split".`,
  );
}
