import { statSync, truncateSync } from "node:fs";
import { dirname } from "node:path";
import type { z } from "zod";
import { openAppender, type Appender } from "../core/appender.js";
import { DataError, RunError } from "../core/errors.js";
import {
  errorCode,
  readStretches,
  syncFolder,
  writeAtomically,
  writeError,
  type Stretch,
} from "../core/files.js";
import { decodeLine, readByteLines, type ByteLine } from "../core/lines.js";

/** What a log holds: how a record looks, and what makes it unique. */
export interface RecordKind<T> {
  /** Checked when a record is appended and when it is read. */
  readonly schema: z.ZodType<T>;
  /** Equal for two records that must not both be in a log. */
  readonly key: (record: T) => string;
  /** The record as it is stored: fields in a fixed order, floats that survive JSON. Default: as given. */
  readonly normalise?: (record: T) => T;
  /** What the schema gives of a line, without a JSON parser and faster; undefined leaves the line to that. */
  readonly quick?: (bytes: Buffer) => T | undefined;
  /** The key alone of a line, where it can be told without reading the rest. */
  readonly quickKey?: (bytes: Buffer) => string | undefined;
  /** A set of keys that takes less room than their strings do. */
  readonly keySet?: () => KeySet;
}

/** The keys that a log has. */
export interface KeySet {
  readonly size: number;
  has(key: string): boolean;
  add(key: string): unknown;
}

/** What reading a log takes. */
export type ReadKind<T> = Pick<RecordKind<T>, "schema" | "quick">;

/**
 * An append-only JSONL file, one record a line, each unique by its key.
 *
 * What `append` has returned for is in the hands of the system: it survives the death of this process at any moment. It
 * survives a power loss once synced: every 256 records, and on `sync` and `close`.
 */
export interface RecordLog<T> {
  readonly path: string;
  /** Records in the log. */
  readonly size: number;
  has(key: string): boolean;
  /**
   * Writes a record as one whole line and returns it as it is stored, equal to what `records` will give.
   * @throws DataError if it does not fit the schema; RunError if its key is there already or the disk refuses.
   */
  append(record: T): T;
  /** All records in the order of the file, read anew. */
  records(): Promise<T[]>;
  /**
   * Rewrites the file in a canonical order, atomically, if it is not in that order yet: so that a run that was killed
   * and resumed ends with the same bytes as an uninterrupted one. In memory are the keys of all records, and no record.
   * @param key what a record is ordered by.
   */
  arrange<K>(key: (record: T) => K, compare: (a: K, b: K) => number): Promise<void>;
  /** As `arrange`. @returns all records in that order. */
  sort(compare: (a: T, b: T) => number): Promise<T[]>;
  sync(): void;
  /** Syncs and closes; closing twice is harmless. */
  close(): void;
}

/** A record and where it stands. */
export interface NumberedRecord<T> {
  readonly record: T;
  /** 1 for the first line of the file. */
  readonly line: number;
  /** Bytes from the start of the file to the end of the line. */
  readonly end: number;
}

/** How a log's lines are read: a last one without its break was cut off while it was written. */
export const LOG_LINES = { maxBytes: 64 * 1024 * 1024, skipTornTail: true } as const;
const RECORDS_PER_SYNC = 256;
/** A log of more bytes is opened by a look at its keys alone: its records are checked when they are read. */
const MOST_CHECKED_BYTES = 256 * 1024 * 1024;

/**
 * Opens a log for appending, creating the file if need be. A last line without its line break was cut off while it was
 * written and never acknowledged: it is removed. The caller is the file's only writer (the run's lock sees to it).
 * @throws DataError naming the file and the line if any other line is malformed or repeats a key; in a file of more than 256 MB, where
 * that would take minutes, a line is malformed if it does not tell its key.
 * @param checkedBytes of a file of at most so many bytes every record is read whole.
 */
export async function openRecordLog<T>(
  path: string,
  kind: RecordKind<T>,
  checkedBytes = MOST_CHECKED_BYTES,
): Promise<RecordLog<T>> {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const { keys, end } = await keysOf(path, kind, size <= checkedBytes);
  cutTornTail(path, end);
  const log = new OpenRecordLog(path, kind, keys);
  // A new file's name must survive a power loss as its records do.
  await syncFolder(dirname(path));
  return log;
}

/**
 * The keys of a log, and where its last whole line ends.
 * @param checked whether every record is read whole. @throws as `openRecordLog`.
 */
async function keysOf<T>(
  path: string,
  kind: RecordKind<T>,
  checked: boolean,
): Promise<{ readonly keys: KeySet; readonly end: number }> {
  const keys = emptyKeys(kind);
  let end = 0;
  for await (const { bytes, number, end: lineEnd } of linesOf(path)) {
    const key =
      (checked ? undefined : kind.quickKey?.(bytes)) ?? kind.key(parseRecord(path, number, bytes, kind));
    if (keys.has(key)) {
      const earlier = (await firstLines(path, kind, new Set([key]))).get(key);
      throw new DataError(
        `Line ${number} of ${path} repeats the record of line ${earlier}; delete one of the two.`,
      );
    }
    keys.add(key);
    end = lineEnd;
  }
  return { keys, end };
}

/** A set for the keys of a log. */
export function emptyKeys<T>(kind: RecordKind<T>): KeySet {
  return kind.keySet?.() ?? new Set<string>();
}

/** By key the first line that has it. The file is read as far as the last of these. */
export async function firstLines<T>(
  path: string,
  kind: RecordKind<T>,
  keys: ReadonlySet<string>,
): Promise<ReadonlyMap<string, number>> {
  const lines = new Map<string, number>();
  if (keys.size === 0) return lines;
  for await (const { record, line } of readRecords(path, kind)) {
    const key = kind.key(record);
    if (keys.has(key) && !lines.has(key)) lines.set(key, line);
    if (lines.size === keys.size) break;
  }
  return lines;
}

/** The whole lines of a log; none if there is no such file. */
async function* linesOf(path: string): AsyncGenerator<ByteLine> {
  try {
    yield* readByteLines(path, LOG_LINES);
  } catch (error) {
    if (!(error instanceof DataError && errorCode(error.cause) === "ENOENT")) throw error;
  }
}

/**
 * The records of a log, one by one, without opening it for writing; none if there is no such file. A torn last line is
 * skipped.
 * @throws DataError naming the file and the line of a record that is malformed.
 */
export async function* readRecords<T>(path: string, kind: ReadKind<T>): AsyncGenerator<NumberedRecord<T>> {
  for await (const { bytes, number, end } of linesOf(path))
    yield { record: parseRecord(path, number, bytes, kind), line: number, end };
}

/** @throws DataError naming the file and the line of a record that is malformed. @param bytes the line, without its LF. */
export function parseRecord<T>(path: string, line: number, bytes: Buffer, kind: ReadKind<T>): T {
  const quick = kind.quick?.(bytes);
  if (quick !== undefined) return quick;
  const where = `Line ${line} of ${path}`;
  const remedy = "restore the file, or delete that line and all after it and resume";
  let value: unknown;
  try {
    value = JSON.parse(decodeLine(path, line, bytes));
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(`${where} is not valid JSON; ${remedy}.`, { cause });
  }
  const parsed = kind.schema.safeParse(value);
  if (!parsed.success)
    throw new DataError(`${where} is not a valid record (${firstIssue(parsed.error)}); ${remedy}.`);
  return parsed.data;
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return "unknown reason";
  return issue.path.length > 0 ? `${issue.path.join(".")}: ${issue.message}` : issue.message;
}

function cutTornTail(path: string, end: number): void {
  try {
    if (statSync(path).size > end) truncateSync(path, end);
  } catch (cause) {
    if (errorCode(cause) !== "ENOENT") throw writeError(path, cause);
  }
}

interface Entry<K> extends Stretch {
  readonly key: K;
}

class OpenRecordLog<T> implements RecordLog<T> {
  readonly path: string;
  readonly #kind: RecordKind<T>;
  readonly #keys: KeySet;
  #appender: Appender;
  #unsynced = 0;

  constructor(path: string, kind: RecordKind<T>, keys: KeySet) {
    this.path = path;
    this.#kind = kind;
    this.#keys = keys;
    this.#appender = openAppender(path);
  }

  get size(): number {
    return this.#keys.size;
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }

  append(record: T): T {
    const stored = this.#kind.normalise?.(record) ?? record;
    const parsed = this.#kind.schema.safeParse(stored);
    if (!parsed.success) {
      throw new DataError(`A record cannot be stored in ${this.path} (${firstIssue(parsed.error)}).`);
    }
    const key = this.#kind.key(stored);
    if (this.#keys.has(key)) {
      throw new RunError(`${this.path} holds the record ${key} already; it is not written twice.`);
    }
    this.#appender.append(Buffer.from(`${JSON.stringify(stored)}\n`, "utf8"));
    this.#keys.add(key);
    if (++this.#unsynced >= RECORDS_PER_SYNC) this.sync();
    return stored;
  }

  async records(): Promise<T[]> {
    const result: T[] = [];
    for await (const { record } of readRecords(this.path, this.#kind)) result.push(record);
    return result;
  }

  async arrange<K>(key: (record: T) => K, compare: (a: K, b: K) => number): Promise<void> {
    if (!(await this.#isOrdered(key, compare))) await this.#rewrite(await this.#entries(key), compare);
  }

  /** Of each record what it is ordered by, and where it stands. */
  async #entries<K>(key: (record: T) => K): Promise<Entry<K>[]> {
    const entries: Entry<K>[] = [];
    let start = 0;
    for await (const { record, end } of readRecords(this.path, this.#kind)) {
      entries.push({ key: key(record), start, end });
      start = end;
    }
    return entries;
  }

  /** Sorts the entries, and the file with them. */
  async #rewrite<K>(entries: Entry<K>[], compare: (a: K, b: K) => number): Promise<void> {
    entries.sort((a, b) => compare(a.key, b.key));
    this.#appender.close();
    try {
      await writeAtomically(this.path, readStretches(this.path, entries));
    } finally {
      this.#appender = openAppender(this.path);
    }
  }

  async #isOrdered<K>(key: (record: T) => K, compare: (a: K, b: K) => number): Promise<boolean> {
    let last: { readonly key: K } | undefined;
    for await (const { record } of readRecords(this.path, this.#kind)) {
      const own = { key: key(record) };
      if (last && compare(last.key, own.key) > 0) return false;
      last = own;
    }
    return true;
  }

  async sort(compare: (a: T, b: T) => number): Promise<T[]> {
    const entries = await this.#entries((record) => record);
    const isOrdered = entries.every(({ key }, at) => at === 0 || compare(entries[at - 1]!.key, key) <= 0);
    if (!isOrdered) await this.#rewrite(entries, compare);
    return entries.map(({ key }) => key);
  }

  sync(): void {
    this.#appender.sync();
    this.#unsynced = 0;
  }

  close(): void {
    this.#appender.close();
  }
}
