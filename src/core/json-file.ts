import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";
import { ModelError } from "./errors.js";
import { MAX_JSON_DEPTH, isTooDeep } from "./json-depth.js";
import { duplicateKey } from "./duplicate-key.js";

const MEGABYTE = 1 << 20;

/**
 * Opens a file of a model for reading. Opening a pipe that nobody writes to would never return.
 * @throws ModelError when it is missing or is not a file.
 */
export async function openFile(path: string): Promise<FileHandle> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    if ((await handle.stat()).isFile()) return handle;
  } catch (cause) {
    await handle?.close();
    throw new ModelError(`cannot open ${path}: ${reasonOf(cause)}`, { cause });
  }
  await handle.close();
  throw new ModelError(`${path} is not a file`);
}

/**
 * Reads a text file of a model folder as UTF-8. The size is checked before anything is allocated.
 * @param maxBytes the largest size accepted.
 * @throws ModelError when the file is missing, is not a file, is larger than `maxBytes` or is not UTF-8.
 */
export async function readTextFile(path: string, maxBytes: number): Promise<string> {
  const handle = await openFile(path);
  try {
    const status = await handle.stat();
    if (status.size > maxBytes) {
      const limit = maxBytes / MEGABYTE;
      throw new ModelError(
        `${path} has ${status.size} bytes, more than the ${limit} MB that such a file may have`,
      );
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(await handle.readFile());
  } catch (cause) {
    if (cause instanceof ModelError) throw cause;
    throw new ModelError(`cannot read ${path}: ${reasonOf(cause)}`, { cause });
  } finally {
    await handle.close();
  }
}

/**
 * Reads a JSON file of a model folder.
 * @throws ModelError as `readTextFile`, when the text is not JSON (most often a download that broke off), and when an object has a key
 * twice: of two readers one may see the first, the other the last.
 */
export async function readJsonFile(path: string, maxBytes: number): Promise<unknown> {
  const text = await readTextFile(path, maxBytes);
  if (isTooDeep(text)) {
    throw new ModelError(
      `${path} is not valid JSON of a model: it is nested more than ${MAX_JSON_DEPTH} deep`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = reasonOf(cause).replace(/[\s\p{Cc}]+/gu, " ");
    throw new ModelError(`${path} is not valid JSON (${reason}); download it again`, { cause });
  }
  const duplicate = duplicateKey(text);
  if (duplicate === undefined) return value;
  throw new ModelError(
    `${path} has the key ${JSON.stringify(duplicate.slice(0, 100))} twice in one object; keep one`,
  );
}

/** What went wrong, in a few words: the plain meaning of a system error's code, else the error's message. */
export function reasonOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EACCES" || code === "EPERM") return "permission denied";
  if (code === "ENOSPC") return "no space left on the disk";
  if (code === "ENOTDIR") return "a part of the path is not a folder";
  if (code === "EISDIR") return "it is a folder";
  return error instanceof Error ? error.message : String(error);
}
