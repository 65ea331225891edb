import { createHash } from "node:crypto";
import { closeSync, createReadStream, openSync, readSync, statSync } from "node:fs";
import { open, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { threadId } from "node:worker_threads";
import { DataError, RunError } from "./errors.js";

/** SHA-256 of bytes, or of a text's UTF-8, in hex. */
export function sha256(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** Whether a path is that of a file. */
export function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

/**
 * SHA-256 of a file's bytes, in hex, in bounded memory.
 * @throws DataError naming the file if it cannot be read.
 */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of readChunks(path)) hash.update(chunk);
  return hash.digest("hex");
}

/**
 * The bytes of a file, a piece at a time.
 * @param start so many bytes from its start on.
 * @throws DataError naming the file if it cannot be read.
 */
export async function* readChunks(path: string, start = 0): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { highWaterMark: 256 * 1024, start }) as AsyncIterable<Uint8Array>;
  } catch (cause) {
    throw readError(path, cause);
  }
}

/** A part of a file, in bytes from its start: [start, end). */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** Stretches that follow one another are read together, up to so many bytes. */
const LONGEST_PIECE = 4 * 1024 * 1024;

/**
 * Stretches of a file, one after the other, in pieces of bounded length.
 * @throws DataError naming the file if it cannot be read, or ends before a stretch does.
 */
export function* readStretches(path: string, stretches: Iterable<Stretch>): Generator<Buffer> {
  const file = openToRead(path);
  try {
    let whole: Stretch | undefined;
    for (const { start, end } of stretches) {
      if (whole?.end === start && end - whole.start <= LONGEST_PIECE) whole = { start: whole.start, end };
      else {
        if (whole) yield readStretch(path, file, whole);
        whole = { start, end };
      }
    }
    if (whole) yield readStretch(path, file, whole);
  } finally {
    closeSync(file);
  }
}

/** Opens a file for `readStretch`. @throws DataError naming the file. */
export function openToRead(path: string): number {
  try {
    return openSync(path, "r");
  } catch (cause) {
    throw readError(path, cause);
  }
}

/** A stretch of an open file. @param path for messages. @throws as `readStretches`. */
export function readStretch(path: string, file: number, { start, end }: Stretch): Buffer {
  const bytes = Buffer.allocUnsafe(end - start);
  try {
    for (let at = 0; at < bytes.length;) {
      const read = readSync(file, bytes, at, bytes.length - at, start + at);
      if (read === 0) throw new DataError(`${path} has become shorter while it was read; read it again.`);
      at += read;
    }
  } catch (cause) {
    throw readError(path, cause);
  }
  return bytes;
}

/** How the names of `writeAtomically`'s unfinished files begin; what a killed process left of them may be removed. */
export const TEMPORARY_PREFIX = ".tmp-";

let temporaryFiles = 0;

/** A name in the same folder for an unfinished file, which no other live process or thread uses. */
export function temporaryPath(path: string): string {
  const unique = `${process.pid}-${threadId}-${temporaryFiles++}`;
  return join(dirname(path), `${TEMPORARY_PREFIX}${unique}-${basename(path)}`);
}

/**
 * Replaces a file as a whole, durably: the data go to a temporary file in the same folder, are synced, and take the
 * final name in one step, which is synced too. A reader sees the old file or the new one, whatever is killed when.
 * @param data as a whole, or in pieces that are asked for one after the other.
 * @throws RunError naming the file if there is no space, no permission or no such folder; the old file is then untouched. RunError naming
 * the folder where its names cannot be synced: the new file is there then, until power is lost.
 */
export async function writeAtomically(
  path: string,
  data: string | Uint8Array | Iterable<Uint8Array>,
): Promise<void> {
  const temporary = temporaryPath(path);
  try {
    const file = await open(temporary, "w");
    try {
      const isWhole = typeof data === "string" || data instanceof Uint8Array;
      for (const piece of isWhole ? [data] : data) await file.writeFile(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (cause) {
    await unlink(temporary).catch(() => undefined);
    throw writeError(path, cause);
  }
  await syncFolder(dirname(path));
}

/** Makes new names in a folder durable, where the system can sync folders (Windows cannot). @throws RunError naming the folder. */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  try {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (cause) {
    throw writeError(folder, cause);
  }
}

/** What a failed write means to a person: a RunError that names the file, the reason and the remedy. */
export function writeError(path: string, cause: unknown): RunError {
  if (cause instanceof RunError) return cause;
  return new RunError(`${path} cannot be written: ${reasonOf(cause)}.`, { cause });
}

/** What a failed read means to a person: a DataError that names the file, the reason and the remedy. */
export function readError(path: string, cause: unknown): DataError {
  if (cause instanceof DataError) return cause;
  return new DataError(`${path} cannot be read: ${reasonOf(cause)}.`, { cause });
}

/** The system's code of an error (`ENOENT`), if it has one. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "no space is left on the disk; free some and try again",
  EDQUOT: "the disk quota is used up; free some space and try again",
  EFBIG: "the file would be larger than the system allows",
  EACCES: "permission denied; choose another place or change its permissions",
  EPERM: "permission denied; choose another place or change its permissions",
  EROFS: "the file system is read-only; choose another place",
  ENOENT: "there is no such file or folder",
  ENOTDIR: "a part of the path is a file, not a folder",
  EISDIR: "it is a folder, not a file",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open",
  EIO: "the disk reported an error",
};

function reasonOf(cause: unknown): string {
  const known = REASONS[errorCode(cause) ?? ""];
  return known ?? (cause instanceof Error ? cause.message : String(cause));
}
