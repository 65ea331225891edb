import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { DataError, RunError } from "../core/errors.js";
import { sha256 } from "../core/files.js";
import type { ModuleFile } from "../core/own-module.js";
import { promptIdentity, type Prompt } from "../policy/policy.js";
import { moduleFile } from "../run/config.js";
import { putAway } from "../run/settle-prompts.js";
import type { PromptSplit } from "./prompts.js";
import type { RunReader } from "../run/read-run.js";
import type { Run } from "../run/run.js";
import type { FitOptions } from "./fit-adapter.js";
import { KEEPS } from "./kept-epoch.js";
import type { Method } from "./methods/method.js";
import { ownSettings, type MethodOption } from "./methods/options.js";
import { inOrder } from "./methods/registry.js";

/** How an adapter of a run was trained: adapters/<method>/training.json. Everything that changes the result is in it. */
export interface TrainingRecord {
  /** The self-reward that chose the examples, or that the pairs are rewarded by. */
  readonly reward: string;
  /** Responses per training prompt. */
  readonly trainN: number;
  /** Training prompts at most; null for all. */
  readonly trainPrompts: number | null;
  /** Samples per test prompt for each point of the training curve. */
  readonly curveSamples: number;
  /** The method's own settings; in the file they stand beside the others. Null: the method computes it. */
  readonly own: Readonly<Record<string, number | null>>;
  readonly fit: Omit<FitOptions, "signal">;
  /** Digest of the prompts that it learns from and is chosen by; absent in runs of format 1. */
  readonly prompts?: string;
  /** Digest of the record of the adapter that it begins at (`fit.start`); absent where there is none, and in earlier runs. */
  readonly begun?: string;
  /** Of a method of one's own. */
  readonly module?: ModuleFile;
  /** The command line that asked for it, for people; free to differ. */
  readonly command: string;
}

const fileOf = (method: string): string => join("adapters", method, "training.json");

const schema = z
  .object({
    reward: z.string(),
    trainN: z.int().min(1),
    trainPrompts: z.int().min(1).nullable(),
    curveSamples: z.int().min(0),
    fit: z.object({
      epochs: z.int().exactOptional(),
      batchSize: z.int().exactOptional(),
      learningRate: z.number().exactOptional(),
      schedule: z.enum(["linear", "cosine", "constant"]).exactOptional(),
      warmup: z.number().exactOptional(),
      clipNorm: z.number().exactOptional(),
      weightDecay: z.number().exactOptional(),
      full: z.boolean().exactOptional(),
      rank: z.int().exactOptional(),
      patience: z.int().exactOptional(),
      keep: z.enum(KEEPS).exactOptional(),
      alpha: z.number().exactOptional(),
      start: z.string().exactOptional(),
      targetModules: z.array(z.string()).exactOptional(),
      seed: z.int().min(0),
    }),
    prompts: z.string().exactOptional(),
    begun: z.string().exactOptional(),
    module: moduleFile.exactOptional(),
    command: z.string(),
  })
  // What else a record has are the own settings of its method.
  .catchall(z.number().nullable());

/** A method's own settings as a record has them: all of its options, null where it computes the value. */
export function recordedOwn(
  options: readonly MethodOption[],
  given: Readonly<Record<string, number | null | undefined>> = {},
): TrainingRecord["own"] {
  const own = ownSettings(options, given);
  return Object.fromEntries(options.map(({ name }) => [name, own[name] ?? null]));
}

/** A record as the file has it: one object, the method's own settings before those of the fit. */
export function flatRecord({
  own,
  fit,
  prompts,
  begun,
  module,
  command,
  ...rest
}: TrainingRecord): Readonly<Record<string, unknown>> {
  return {
    ...rest,
    ...own,
    fit,
    ...(prompts !== undefined && { prompts }),
    ...(begun !== undefined && { begun }),
    ...(module && { module }),
    command,
  };
}

/**
 * The training that a run's adapter was begun with; undefined where there is none.
 * @throws DataError if the file is malformed.
 */
export function readTraining(run: RunReader, name: string): TrainingRecord | undefined {
  const file = fileOf(name);
  const value = run.json(file);
  if (value === undefined) return undefined;
  const parsed = schema.safeParse(value);
  if (parsed.success) {
    const { reward, trainN, trainPrompts, curveSamples, fit, prompts, begun, module, command, ...own } =
      parsed.data;
    return {
      ...{ reward, trainN, trainPrompts, curveSamples, own, fit },
      ...(prompts !== undefined && { prompts }),
      ...(begun !== undefined && { begun }),
      ...(module && { module }),
      command,
    };
  }
  const field = parsed.error.issues[0]?.path.join(".") ?? "";
  throw new DataError(
    `${join(run.dir, file)} is not a record of a training (field "${field}"); delete the folder adapters/${name} and train again.`,
  );
}

/** The methods whose training a run records, in the order of tables. */
export function trainedMethods(run: RunReader): string[] {
  return inOrder(run.adapters().filter((name) => run.json(fileOf(name)) !== undefined));
}

/** Digest of the prompts that an adapter learns from and is chosen by. */
export function digestOfPrompts({ train, validation }: Pick<PromptSplit, "train" | "validation">): string {
  const texts = (prompts: readonly Prompt[]): string[][] =>
    prompts.map((prompt) => [prompt.id, promptIdentity(prompt)]);
  return sha256(JSON.stringify([texts(train), texts(validation)]));
}

/** Digest of all that makes an adapter what it is; undefined where nothing is written of its training. */
function digestOfRecord(run: RunReader, name: string): string | undefined {
  const record = readTraining(run, name);
  return record && sha256(JSON.stringify({ ...flatRecord(record), command: undefined }));
}

/**
 * Writes down how the adapter is trained, or checks that it is continued as it was begun. An adapter that learned from other
 * prompts, because the task has changed since, is set aside; so is one that began at an adapter that was trained otherwise since.
 * @throws RunError naming the first setting that differs.
 */
export async function recordTraining(
  run: Run,
  method: Method,
  given: TrainingRecord,
  note?: (text: string) => void,
): Promise<void> {
  const { name } = method;
  const { start } = given.fit;
  const begun = start === undefined ? undefined : digestOfRecord(run, start);
  const asked: TrainingRecord = { ...given, ...(begun !== undefined && { begun }) };
  let recorded = readTraining(run, name);
  const was =
    recorded?.prompts !== undefined && recorded.prompts !== asked.prompts
      ? "learned from other prompts"
      : recorded?.fit.start === start && isBegunAtAnother(recorded, begun)
        ? `began at another ${start} adapter`
        : undefined;
  if (was !== undefined) {
    putAway(run.dir, join("adapters", name));
    note?.(`The ${name} adapter ${was}: it is kept in set-aside, and another is trained.`);
    recorded = undefined;
  }
  if (recorded === undefined) {
    run.adapterDir(name);
    await run.writeJson(fileOf(name), flatRecord(asked));
    putAwayFollowers(run, name, note);
    return;
  }
  refuseChangedModule(run, method, recorded, asked);
  const [before, now] = [recorded, asked].map((record) => settingsOf(method, record));
  for (const setting of new Set([...Object.keys(before!), ...Object.keys(now!)])) {
    const [a, b] = [before, now].map((settings) => JSON.stringify(settings![setting]) ?? "nothing");
    if (a === b) continue;
    throw new RunError(
      `${join(run.dir, "adapters", name)} was trained with ${setting} = ${a}, but now it is ${b}; go on as it was begun, ` +
        `or delete that folder${drawnBySettings(run, method)} to train anew.`,
    );
  }
}

const isBegunAtAnother = (recorded: TrainingRecord | undefined, begun: string | undefined): boolean =>
  recorded?.begun !== undefined && recorded.begun !== begun;

/** Sets the adapters aside that began at an adapter of a name which is to be another now, and those that began at them. */
function putAwayFollowers(run: Run, name: string, note?: (text: string) => void): void {
  const now = digestOfRecord(run, name);
  for (const follower of trainedMethods(run)) {
    const record = readTraining(run, follower);
    if (record?.fit.start !== name || !isBegunAtAnother(record, now)) continue;
    putAway(run.dir, join("adapters", follower));
    note?.(`The ${follower} adapter began at another ${name} adapter: it is kept in set-aside.`);
    putAwayFollowers(run, follower, note);
  }
}

/** A method of one's own is its file: what another version drew and learned is not continued. */
function refuseChangedModule(
  run: Run,
  method: Method,
  recorded: TrainingRecord,
  { module }: TrainingRecord,
): void {
  if (recorded.module?.digest === module?.digest) return;
  const was = recorded.module
    ? `${recorded.module.path} as it was, and that file has changed since; restore it`
    : `a method ${method.name} of another program; go on with that`;
  throw new RunError(
    `${join(run.dir, "adapters", method.name)} was trained with ${was}, or delete that folder${drawnBySettings(run, method)} to train anew.`,
  );
}

/** What else has to be deleted to train anew, as the end of a sentence has it. */
function drawnBySettings(run: Run, { draws }: Method): string {
  return draws
    .filter((file) => file.bySettings && existsSync(join(run.dir, file.name)))
    .map((file) => ` and ${file.name}`)
    .join("");
}

/** The settings that must not differ; one that a record leaves out has its default. */
function settingsOf(
  { options }: Method,
  { command: _, prompts: __, module: ___, begun: ____, own, fit, ...rest }: TrainingRecord,
): Record<string, unknown> {
  return { ...rest, ...recordedOwn(options, own), ...fit };
}
