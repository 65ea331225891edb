import { mkdirSync, readdirSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { RunError, UsageError, type ErrorFacts } from "../core/errors.js";
import { TEMPORARY_PREFIX, errorCode, readError, writeAtomically, writeError } from "../core/files.js";
import type { Response } from "../policy/policy.js";
import { LOCK_FOLDER, acquireLock, type Lock } from "./lock.js";
import { configSchema, type RunConfig } from "./config.js";
import { differenceInWords, firstDifference } from "./difference.js";
import { runVersions, type Manifest } from "./manifest.js";
import { readManifest, readRun, runFile, runReader, type RunReader } from "./read-run.js";
import { openRecordLog, type RecordLog } from "./record-log.js";
import { type RecordKind } from "./record-lines.js";
import {
  promptRecords,
  responseRecords,
  selectionRecords,
  type PromptRecord,
  type Selection,
} from "./records.js";

/**
 * A run folder that this process alone writes. Each log is opened once: asking again gives the same one. `close` when
 * done; a process that dies instead leaves a folder that can be resumed at once.
 */
export interface Run extends RunReader {
  promptLog(): Promise<RecordLog<PromptRecord>>;
  /** The responses of the base, or of the named adapter. */
  responseLog(adapter?: string): Promise<RecordLog<Response>>;
  /** The greedy responses of the base, or of the named adapter. */
  greedyLog(adapter?: string): Promise<RecordLog<Response>>;
  selectionLog(): Promise<RecordLog<Selection>>;
  /**
   * Any other JSONL file; `name` is relative to the folder.
   * @throws as `openRecordLog`.
   */
  log<T>(name: string, kind: RecordKind<T>): Promise<RecordLog<T>>;
  /** The absolute or relative path of an adapter's folder, which is created. */
  adapterDir(name: string): string;
  /** Writes a file such as `metrics.json` or `report.html` as a whole; `name` is relative to the folder. */
  writeText(name: string, text: string): Promise<void>;
  /** As `writeText`, indented JSON with a line break at the end. */
  writeJson(name: string, value: unknown): Promise<void>;
  /** Writes down that the run is of a task with this digest now: its prompts or labels have changed. */
  recordTask(digest: string): Promise<void>;
  /** Syncs and closes every log and lets go of the folder; closing twice is harmless. */
  close(): Promise<void>;
}

/** What a new run says of itself, and whether the folder may hold the same run already. */
export interface StartOptions {
  /** Continue the run if the folder holds one; a folder that does not exist or is empty starts a new one either way. */
  readonly resume?: boolean;
  /** The command line or program that makes the run, for people. */
  readonly command: string;
  /** ISO 8601: the library reads no clock. */
  readonly createdAt: string;
}

/**
 * Makes a run folder, or continues the run that it holds. A continued run keeps its own manifest.
 * @throws RunError if another live process writes it, if it holds something else than a run, if it holds a run and
 *   `resume` is not set, or if that run's configuration differs (the message names the first difference); UsageError for a
 *   configuration that does not fit its schema.
 */
export async function startRun(dir: string, config: RunConfig, options: StartOptions): Promise<Run> {
  const { resume = false, command, createdAt } = options;
  const asked: Manifest = { format: 2, ...runVersions(), ...checkConfig(config), command, createdAt };
  createFolder(dir);
  refuseForeign(dir, resume);
  return lockedRun(dir, async () => {
    // Once more: another process may have made a run in it before this one had the lock.
    const recorded = refuseForeign(dir, resume);
    if (recorded !== undefined) return refuseDifferent(dir, recorded, asked);
    await writeAtomically(join(dir, MANIFEST), asJson(asked));
    return asked;
  });
}

/**
 * Opens the run that a folder holds, as it was made, to write into it.
 * @throws RunError if it is no run folder, or another live process writes it.
 */
export async function openRun(dir: string): Promise<Run> {
  readRun(dir);
  return lockedRun(dir, () => Promise.resolve(readRun(dir).manifest));
}

const MANIFEST = "manifest.json";

function checkConfig(config: RunConfig): RunConfig {
  const parsed = configSchema.safeParse(config);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new UsageError(
    `A run cannot be started with this ${issue?.path.join(".") ?? "configuration"}: ${issue?.message ?? "not allowed"}.`,
  );
}

/** @param manifestOf tells, or writes, the manifest once the folder is this process's own. */
async function lockedRun(dir: string, manifestOf: () => Promise<Manifest>): Promise<Run> {
  const lock = acquireLock(dir);
  try {
    removeLeftovers(dir);
    const manifest = await manifestOf();
    for (const name of runReader(dir, manifest).adapters())
      removeLeftovers(join(dir, dirname(runFile("x", name))));
    return writableRun(dir, manifest, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

function writableRun(dir: string, manifest: Manifest, lock: Lock): Run {
  const logs = new Map<string, Promise<RecordLog<unknown>>>();
  const log = <T>(name: string, kind: RecordKind<T>): Promise<RecordLog<T>> => {
    const path = join(dir, name);
    let opened = logs.get(path) as Promise<RecordLog<T>> | undefined;
    if (opened === undefined) {
      createFolder(dirname(path));
      opened = openRecordLog(path, kind);
      logs.set(path, opened);
    }
    return opened;
  };
  const adapterDir = (name: string): string => {
    const path = join(dir, dirname(runFile("x", name)));
    createFolder(path);
    return path;
  };
  const close = async (): Promise<void> => {
    const opened = await Promise.allSettled(logs.values());
    logs.clear();
    try {
      for (const result of opened) if (result.status === "fulfilled") result.value.close();
    } finally {
      lock.release();
    }
  };
  const writeText = (name: string, text: string): Promise<void> => writeAtomically(join(dir, name), text);
  let current = manifest;
  const recordTask = async (digest: string): Promise<void> => {
    const changed: Manifest = { ...current, format: 2, task: { ...current.task, digest } };
    await writeAtomically(join(dir, MANIFEST), asJson(changed));
    current = changed;
  };
  return {
    ...runReader(dir, manifest),
    get manifest() {
      return current;
    },
    recordTask,
    log,
    promptLog: () => log("prompts.jsonl", promptRecords),
    responseLog: async (adapter) => log(runFile("responses.jsonl", adapter), responseRecords),
    greedyLog: async (adapter) => log(runFile("greedy.jsonl", adapter), responseRecords),
    selectionLog: () => log("selections.jsonl", selectionRecords),
    adapterDir,
    writeText,
    writeJson: (name, value) => writeText(name, asJson(value)),
    close,
  };
}

/** A folder that no run can be made in. */
const taken = (dir: string): ErrorFacts => ({
  reason: "run-folder-taken",
  where: dir,
  remedy: "choose another folder",
});

function createFolder(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true });
  } catch (cause) {
    if (errorCode(cause) === "EEXIST") {
      throw new RunError(`${dir} is a file, not a folder`, { ...taken(dir), cause });
    }
    throw writeError(dir, cause);
  }
}

/** The manifest of the run in a folder, undefined if the folder is free for a new one. */
function refuseForeign(dir: string, resume: boolean): Manifest | undefined {
  const recorded = readManifest(dir);
  if (recorded !== undefined) {
    if (resume) return recorded;
    throw new RunError(`${dir} holds a run already`, {
      reason: "run-exists",
      where: dir,
      remedy: "set `resume` to continue it, or choose another folder",
    });
  }
  const foreign = entries(dir).find((entry) => entry !== LOCK_FOLDER && !entry.startsWith(TEMPORARY_PREFIX));
  if (foreign !== undefined) {
    throw new RunError(`${dir} is not a run folder but holds other files (${foreign})`, taken(dir));
  }
  return undefined;
}

function refuseDifferent(dir: string, recorded: Manifest, asked: Manifest): Manifest {
  const difference = firstDifference(recorded, asked);
  if (difference === undefined) return recorded;
  throw new RunError(`${dir} ${differenceInWords(difference, recorded)}`, {
    reason: "run-differs",
    where: dir,
    remedy: "resume it as it was made, or choose another folder",
  });
}

/** What a process that was killed in `writeAtomically` left in a folder. */
function removeLeftovers(dir: string): void {
  for (const entry of entries(dir)) {
    if (!entry.startsWith(TEMPORARY_PREFIX)) continue;
    try {
      unlinkSync(join(dir, entry));
    } catch (cause) {
      throw writeError(join(dir, entry), cause);
    }
  }
}

function entries(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (cause) {
    throw readError(dir, cause);
  }
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
