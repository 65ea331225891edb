import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { DataError, RunError, UsageError } from "../core/errors.js";
import { errorCode, readError } from "../core/files.js";
import type { Response } from "../policy/policy.js";
import { fromFormat1 } from "./format-1.js";
import { manifestSchema, type Manifest } from "./manifest.js";
import { readRecords, type ReadKind } from "./record-lines.js";
import {
  promptRecords,
  responseRecords,
  selectionRecords,
  type PromptRecord,
  type Selection,
} from "./records.js";

/**
 * A run folder, read: `manifest.json`, `prompts.jsonl`, `responses.jsonl`, `greedy.jsonl`, `selections.jsonl`,
 * `adapters/<name>/` (each with its own `responses.jsonl` and `greedy.jsonl`), `metrics.json`, `report.html`.
 *
 * Each call reads anew; a file that is not there yet has no records, and a line that is being written is not seen.
 * Malformed lines throw DataError with file and line.
 */
export interface RunReader {
  readonly dir: string;
  readonly manifest: Manifest;
  prompts(): Promise<PromptRecord[]>;
  /** The responses that the base, or the named adapter, drew. */
  responses(adapter?: string): Promise<Response[]>;
  /** The greedy responses of the base, or of the named adapter; their `index` is -1. */
  greedy(adapter?: string): Promise<Response[]>;
  selections(): Promise<Selection[]>;
  /** The records of any other JSONL file; `name` is relative to the folder. */
  records<T>(name: string, kind: ReadKind<T>): Promise<T[]>;
  /** The names of the adapters that have a folder, sorted. */
  adapters(): string[];
  /** A JSON file such as `metrics.json`; undefined if there is none. The caller checks its shape. */
  json(name: string): unknown;
}

const ADAPTER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * Opens a run folder for reading, without a lock: it may be in use.
 * @throws RunError if it is not a run folder.
 */
export function readRun(dir: string): RunReader {
  const manifest = readManifest(dir);
  if (manifest === undefined) {
    throw new RunError(
      `${dir} is not a run folder: it has no manifest.json; give the folder that a run has made.`,
    );
  }
  return runReader(dir, manifest);
}

/** A reader over a folder whose manifest is known. */
export function runReader(dir: string, manifest: Manifest): RunReader {
  const records = async <T>(name: string, kind: ReadKind<T>): Promise<T[]> => {
    const result: T[] = [];
    for await (const { record } of readRecords(join(dir, name), kind)) result.push(record);
    return result;
  };
  return {
    dir,
    manifest,
    records,
    prompts: () => records("prompts.jsonl", promptRecords),
    responses: (adapter) => records(runFile("responses.jsonl", adapter), responseRecords),
    greedy: (adapter) => records(runFile("greedy.jsonl", adapter), responseRecords),
    selections: () => records("selections.jsonl", selectionRecords),
    adapters: () => adapterNames(dir),
    json: (name) => readJson(join(dir, name)),
  };
}

/**
 * The path of a file relative to the run folder: at its top, or in an adapter's folder.
 * @throws UsageError if the adapter's name is not letters, digits, `.`, `_` and `-`.
 */
export function runFile(name: string, adapter?: string): string {
  if (adapter === undefined) return name;
  if (!ADAPTER_NAME.test(adapter)) {
    throw new UsageError(
      `"${adapter}" cannot name an adapter; use at most 64 letters, digits, ".", "_" and "-", a letter or digit first.`,
    );
  }
  return join("adapters", adapter, name);
}

/**
 * The manifest of a folder; undefined if there is none.
 * @throws RunError if it is not one of this version of whetstone.
 */
export function readManifest(dir: string): Manifest | undefined {
  const path = join(dir, "manifest.json");
  let value: unknown;
  try {
    value = readJson(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : `${path} cannot be read.`;
    throw new RunError(`${dir} is not a usable run folder: ${reason}`, { cause });
  }
  if (value === undefined) return undefined;
  const isOld = z.object({ format: z.literal(1) }).safeParse(value).success;
  const parsed = isOld ? fromFormat1(value) : manifestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const field = parsed.error.issues[0]?.path.join(".") ?? "";
  throw new RunError(`${path} is not a manifest that this version of whetstone reads (field "${field}")`, {
    reason: "run-folder-taken",
    where: path,
    remedy: "choose another folder",
  });
}

function adapterNames(dir: string): string[] {
  try {
    return readdirSync(join(dir, "adapters"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && ADAPTER_NAME.test(entry.name))
      .map((entry) => entry.name)
      .sort();
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return [];
    throw readError(join(dir, "adapters"), cause);
  }
}

function readJson(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    if (errorCode(cause) === "ENOENT" || errorCode(cause) === "ENOTDIR") return undefined;
    throw readError(path, cause);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new DataError(`${path} is not valid JSON; restore or delete it.`, { cause });
  }
}
