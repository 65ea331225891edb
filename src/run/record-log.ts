import { statSync, truncateSync } from "node:fs";
import { dirname } from "node:path";
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
import {
  forgetPlaces,
  knownPlaces,
  LEAST_INDEXED_BYTES,
  NO_PLACES,
  placesWriter,
  type PlacedSpan,
  type PlacesWriter,
  type SpanContent,
} from "./places-file.js";
import {
  emptyKeys,
  firstIssue,
  firstLines,
  identified,
  idOfRecord,
  readRecords,
  type KeySet,
  type RecordKind,
} from "./record-lines.js";
import { placedResponses, scanResponses } from "./scan-responses.js";

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

const RECORDS_PER_SYNC = 256;

/**
 * Opens a log for appending, creating the file if need be. A last line without its line break was cut off while it was
 * written and never acknowledged: it is removed. The caller is the file's only writer (the run's lock sees to it).
 * @throws DataError naming the file and the line if any other line is malformed or repeats a key; in a file of more than 256 MB, where
 * that would take minutes, a line is malformed if it does not tell its key, and what its index tells of it is not read.
 * @param checkedBytes of a file of at most so many bytes every record is read whole.
 */
export async function openRecordLog<T>(
  path: string,
  kind: RecordKind<T>,
  checkedBytes = LEAST_INDEXED_BYTES,
): Promise<RecordLog<T>> {
  const { keys, end, places } = await keysOf(path, kind, checkedBytes);
  cutTornTail(path, end);
  const log = new OpenRecordLog(path, kind, { keys, places, checkedBytes });
  try {
    // A new file's name must survive a power loss as its records do.
    await syncFolder(dirname(path));
  } catch (error) {
    log.close();
    throw error;
  }
  return log;
}

/** What is known of a log that is open. */
interface Opened {
  readonly keys: KeySet;
  /** Its index, where it has one once it is large. */
  readonly places: PlacesWriter | undefined;
  readonly checkedBytes: number;
}

/** The keys of a log, its index, and where its last whole line ends. @throws as `openRecordLog`. */
async function keysOf<T>(
  path: string,
  kind: RecordKind<T>,
  checkedBytes: number,
): Promise<Omit<Opened, "checkedBytes"> & { readonly end: number }> {
  const keys = emptyKeys(kind);
  const add = async (key: string, line: number): Promise<void> => {
    if (keys.has(key)) {
      const earlier = (await firstLines(path, kind, new Set([key]))).get(key);
      throw new DataError(
        `Line ${line} of ${path} repeats the record of line ${earlier}; delete one of the two.`,
      );
    }
    keys.add(key);
  };
  const { tokensOf } = kind;
  const isChecked = (statSync(path, { throwIfNoEntry: false })?.size ?? 0) <= checkedBytes;
  if (isChecked && tokensOf) forgetPlaces(path);
  const isScanned = !isChecked && tokensOf !== undefined;
  const known = isScanned ? knownPlaces(path) : NO_PLACES;
  const places = tokensOf && placesWriter(path, known, checkedBytes);
  let { end } = known;
  if (isScanned) {
    const addSpan = async ({ promptId, first, count, line }: PlacedSpan): Promise<void> => {
      for (let i = 0; i < count; i++)
        await add(kind.key(identified<T>({ promptId, index: first + i })), line + i);
    };
    for (const span of known.spans()) await addSpan(span);
    for await (const span of scanResponses(path, known)) {
      await addSpan(span);
      places?.add(span, span.end - span.start);
      places?.flush();
      end = span.end;
    }
  } else {
    for await (const { record, line, end: lineEnd } of readRecords(path, kind)) {
      await add(kind.key(record), line);
      places?.add(contentOf(record, kind), lineEnd - end);
      places?.flush();
      end = lineEnd;
    }
  }
  places?.flush(true);
  return { keys, end, places };
}

/** What an index says of a record. */
const contentOf = <T>(record: T, { tokensOf }: RecordKind<T>): SpanContent => {
  const { promptId, index } = idOfRecord(record);
  return { promptId, first: index, count: 1, tokens: tokensOf?.(record) ?? 0 };
};

function cutTornTail(path: string, end: number): void {
  try {
    if (statSync(path).size > end) truncateSync(path, end);
  } catch (cause) {
    if (errorCode(cause) !== "ENOENT") throw writeError(path, cause);
  }
}

interface Entry<K> extends Stretch {
  readonly key: K;
  /** In a log that has an index: what that says of it. */
  readonly content: SpanContent;
}

class OpenRecordLog<T> implements RecordLog<T> {
  readonly path: string;
  readonly #kind: RecordKind<T>;
  readonly #keys: KeySet;
  readonly #checkedBytes: number;
  #places: PlacesWriter | undefined;
  #appender: Appender;
  #unsynced = 0;

  constructor(path: string, kind: RecordKind<T>, { keys, places, checkedBytes }: Opened) {
    this.path = path;
    this.#kind = kind;
    this.#keys = keys;
    this.#places = places;
    this.#checkedBytes = checkedBytes;
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
    const bytes = Buffer.from(`${JSON.stringify(stored)}\n`, "utf8");
    this.#appender.append(bytes);
    this.#places?.add(contentOf(stored, this.#kind), bytes.length);
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
    if (!(await this.#isOrdered(key, compare))) {
      const entries: Entry<K>[] = [];
      for await (const entry of this.#entries(key)) entries.push(entry);
      await this.#rewrite(entries, compare);
    }
  }

  /** Of each record what it is ordered by, and where it stands; where the index tells, of several that stand together. */
  async *#entries<K>(key: (record: T) => K): AsyncGenerator<Entry<K>> {
    if (!this.#places) {
      yield* this.#recordEntries(key);
      return;
    }
    this.#places.flush(true);
    for await (const span of placedResponses(this.path)) {
      const { promptId, first, start, end } = span;
      yield { key: key(identified<T>({ promptId, index: first })), content: span, start, end };
    }
  }

  async *#recordEntries<K>(key: (record: T) => K): AsyncGenerator<Entry<K>> {
    let start = 0;
    for await (const { record, end } of readRecords(this.path, this.#kind)) {
      yield { key: key(record), content: contentOf(record, this.#kind), start, end };
      start = end;
    }
  }

  /** Sorts the entries, and the file with them. */
  async #rewrite<K>(entries: Entry<K>[], compare: (a: K, b: K) => number): Promise<void> {
    entries.sort((a, b) => compare(a.key, b.key));
    this.#appender.close();
    if (this.#places) forgetPlaces(this.path);
    try {
      await writeAtomically(this.path, readStretches(this.path, entries));
    } finally {
      this.#appender = openAppender(this.path);
    }
    if (!this.#places) return;
    this.#places = placesWriter(this.path, NO_PLACES, this.#checkedBytes);
    for (const { content, start, end } of entries) this.#places.add(content, end - start);
    this.#places.flush(true);
  }

  async #isOrdered<K>(key: (record: T) => K, compare: (a: K, b: K) => number): Promise<boolean> {
    let last: { readonly key: K } | undefined;
    for await (const own of this.#entries(key)) {
      if (last && compare(last.key, own.key) > 0) return false;
      last = own;
    }
    return true;
  }

  async sort(compare: (a: T, b: T) => number): Promise<T[]> {
    const entries: Entry<T>[] = [];
    for await (const entry of this.#recordEntries((record) => record)) entries.push(entry);
    const isOrdered = entries.every(({ key }, at) => at === 0 || compare(entries[at - 1]!.key, key) <= 0);
    if (!isOrdered) await this.#rewrite(entries, compare);
    return entries.map(({ key }) => key);
  }

  sync(): void {
    this.#appender.sync();
    this.#places?.flush();
    this.#unsynced = 0;
  }

  close(): void {
    this.#appender.close();
    this.#places?.flush(true);
  }
}
