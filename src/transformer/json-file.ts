import { open } from "node:fs/promises";
import { ModelError } from "../core/errors.js";

const MEGABYTE = 1 << 20;

/**
 * Reads a text file of a model folder as UTF-8. The size is checked before anything is allocated.
 * @param maxBytes the largest size accepted.
 * @throws ModelError when the file is missing, is not a file, is larger than `maxBytes` or is not UTF-8.
 */
export async function readTextFile(path: string, maxBytes: number): Promise<string> {
  let handle;
  try {
    handle = await open(path, "r");
  } catch (cause) {
    throw new ModelError(`cannot open ${path}: ${reasonOf(cause)}`, { cause });
  }
  try {
    const status = await handle.stat();
    if (!status.isFile()) throw new ModelError(`${path} is not a file`);
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
 * @throws ModelError as `readTextFile`, and when the text is not JSON (most often a download that broke off).
 */
export async function readJsonFile(path: string, maxBytes: number): Promise<unknown> {
  const text = await readTextFile(path, maxBytes);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new ModelError(`${path} is not valid JSON (${reasonOf(cause)}); download it again`, { cause });
  }
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
