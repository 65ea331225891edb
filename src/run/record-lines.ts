import type { z } from "zod";
import { DataError } from "../core/errors.js";
import { errorCode } from "../core/files.js";
import { decodeLine, readByteLines, type ByteLine, type LineOptions } from "../core/lines.js";
import type { ResponseId } from "./response-line.js";

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
  /**
   * Of responses: how many tokens one has. Of a kind that has this, `key` and orders ask for `promptId` and `index` alone, and responses to a
   * prompt stand together in every order, by index; a large file of it has an index beside it, and is not read whole when it is opened.
   */
  readonly tokensOf?: (record: T) => number;
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
/** What tells a record of a kind that has `tokensOf` from others, where `key` or an order is asked for that alone. */
export const identified = <T>(id: ResponseId): T => id as T;
/** The same of a record as it is. */
export const idOfRecord = (record: unknown): ResponseId => record as ResponseId;

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

/** The whole lines of a log behind those that are known; none if there is no such file. */
async function* linesOf(path: string, known?: LineOptions["behind"]): AsyncGenerator<ByteLine> {
  try {
    yield* readByteLines(path, { ...LOG_LINES, ...(known && { behind: known }) });
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

/** What is wrong with a record, in words. */
export function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return "unknown reason";
  return issue.path.length > 0 ? `${issue.path.join(".")}: ${issue.message}` : issue.message;
}
