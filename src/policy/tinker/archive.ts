import { gunzipSync } from "node:zlib";
import { ServerError } from "../../core/errors.js";

const BLOCK = 512;
/** An adapter of any model that is trained so; a small archive must not become more. */
const MOST_BYTES = 4 * 2 ** 30;

const text = (block: Uint8Array, at: number, size: number): string => {
  const bytes = block.subarray(at, at + size);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
};

/**
 * The files of a gzipped tar archive that are asked for, by the last part of their names; nothing of it touches the disk.
 * @throws ServerError where it is malformed, or lacks one of them.
 */
export function filesIn(archive: Uint8Array, names: readonly string[]): ReadonlyMap<string, Uint8Array> {
  const broken = (reason: string): ServerError =>
    new ServerError(`The trainer's archive of an adapter cannot be read: ${reason}.`);
  let tar: Uint8Array;
  try {
    tar = gunzipSync(archive, { maxOutputLength: MOST_BYTES });
  } catch (error) {
    throw broken(error instanceof Error ? error.message : String(error));
  }
  const files = new Map<string, Uint8Array>();
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0;) {
    const header = tar.subarray(at, at + BLOCK);
    const size = Number.parseInt(text(header, 124, 12).trim() || "0", 8);
    if (!(size >= 0) || at + BLOCK + size > tar.length) throw broken("it is cut off");
    const name = text(header, 0, 100).split("/").at(-1)!;
    const kind = String.fromCharCode(header[156]!);
    if ((kind === "0" || kind === "\0") && names.includes(name))
      files.set(name, tar.subarray(at + BLOCK, at + BLOCK + size));
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  const missing = names.find((name) => !files.has(name));
  if (missing !== undefined) throw broken(`it has no ${missing}`);
  return files;
}
