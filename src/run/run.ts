import { mkdirSync, readdirSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { RunError } from "../core/errors.js";
import { TEMPORARY_PREFIX, errorCode, readError, writeAtomically, writeError } from "../core/files.js";
import type { Response } from "../policy/policy.js";
import { LOCK_FOLDER, acquireLock, type Lock } from "./lock.js";
import { firstDifference, type Manifest } from "./manifest.js";
import { readManifest, runFile, runReader, type RunReader } from "./read-run.js";
import { openRecordLog, type RecordKind, type RecordLog } from "./record-log.js";
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
  /** Syncs and closes every log and lets go of the folder; closing twice is harmless. */
  close(): Promise<void>;
}

export interface OpenRunOptions {
  /** Continue the run if the folder holds one; a folder that does not exist or is empty starts a new one either way. */
  readonly resume: boolean;
}

/**
 * Creates a run folder, or opens one to continue it. A continued run keeps its own manifest.
 * @throws RunError if another live process writes it, if it holds something else than a run, if it holds a run and
 *   `resume` is false, or if the run's configuration differs (the message names the first field and both values).
 */
export async function openRun(dir: string, manifest: Manifest, options: OpenRunOptions): Promise<Run> {
  createFolder(dir);
  refuseForeign(dir, options);
  const lock = acquireLock(dir);
  try {
    // Once more: another process may have made a run in it before this one had the lock.
    const recorded = refuseForeign(dir, options);
    removeLeftovers(dir);
    for (const name of runReader(dir, manifest).adapters())
      removeLeftovers(join(dir, dirname(runFile("x", name))));
    if (recorded === undefined) await writeAtomically(join(dir, "manifest.json"), asJson(manifest));
    else refuseDifferent(dir, recorded, manifest);
    return lockedRun(dir, recorded ?? manifest, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

function lockedRun(dir: string, manifest: Manifest, lock: Lock): Run {
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
  return {
    ...runReader(dir, manifest),
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

function createFolder(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true });
  } catch (cause) {
    if (errorCode(cause) === "EEXIST") {
      throw new RunError(`${dir} is a file, not a folder; choose another folder with --run.`, { cause });
    }
    throw writeError(dir, cause);
  }
}

/** The manifest of the run in a folder, undefined if the folder is free for a new one. */
function refuseForeign(dir: string, { resume }: OpenRunOptions): Manifest | undefined {
  const recorded = readManifest(dir);
  if (recorded !== undefined) {
    if (resume) return recorded;
    throw new RunError(
      `${dir} holds a run already; add --resume to continue it, or choose another folder with --run.`,
    );
  }
  const foreign = entries(dir).find((entry) => entry !== LOCK_FOLDER && !entry.startsWith(TEMPORARY_PREFIX));
  if (foreign !== undefined) {
    throw new RunError(
      `${dir} is not a run folder but holds other files (${foreign}); choose another folder with --run.`,
    );
  }
  return undefined;
}

function refuseDifferent(dir: string, recorded: Manifest, asked: Manifest): void {
  const difference = firstDifference(recorded, asked);
  if (difference === undefined) return;
  throw new RunError(
    `${dir} is a run with ${difference.field} = ${difference.recorded}, but now it is ${difference.asked}; ` +
      "resume it as it was made, or choose another folder with --run.",
  );
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
