/**
 * A file of arrays as ONNX Runtime maps them into memory: pages of little-endian values, then an index that says what they are.
 * It is a cache: whatever is wrong with it, it is made anew.
 */
import { mkdir, open, readdir, rename, rm, stat, statfs, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { ModelError } from "../../core/errors.js";
import { TEMPORARY_PREFIX, temporaryPath } from "../../core/files.js";
import { gigabytes } from "../../core/gigabytes.js";
import { reasonOf } from "../../core/json-file.js";
import type { FileData } from "../../graph/index.js";

/** What is written changes with this number, and files of another are made anew. */
const VERSION = 3;
/** Copies that were not used for so long go when another one is made. */
const UNUSED_DAYS = 60;
/** Memory is mapped in pages. */
const ALIGNMENT = 4096;
/** At the end: the index's place, and these letters. */
const MAGIC = Buffer.from("whetston");
const MAX_INDEX_BYTES = 64 << 20;

type Values = Uint8Array | Uint16Array | Float32Array;

/** Where each array lies, by its name. */
export type ArrayIndex = ReadonlyMap<string, FileData>;

/**
 * Adds arrays to a file that is being written, each right behind the one before it, the first from a page's beginning on. Resolves when
 * the next may be made, while these are written: they must stay as they are.
 */
export type PutArrays = (...arrays: readonly (readonly [name: string, values: Values])[]) => Promise<void>;

export interface ArrayFileRequest {
  readonly file: string;
  /** Of what the arrays are made; a file that was made of something else is made anew. */
  readonly key: string;
  /** How many bytes it will have, nearly. */
  readonly bytes: number;
  readonly write: (put: PutArrays) => Promise<void>;
  /** Told in one sentence why a file that was there is made anew. */
  readonly notice?: ((sentence: string) => void) | undefined;
}

const indexSchema = z.object({
  version: z.number(),
  key: z.string(),
  arrays: z.record(z.string(), z.tuple([z.int().min(0), z.int().min(0), z.int().min(0)])),
});

/**
 * The arrays of a file, written where it is missing, truncated, or of another version. For the space that it needs, files beside it are
 * removed, the least recently used first; what nobody has used for two months goes as well. It takes its name in one step, so that
 * several processes may ask at once and one that is killed leaves nothing that is taken for whole.
 * @throws ModelError where there is no space for it, or it cannot be written.
 */
export async function arrayFile(request: ArrayFileRequest): Promise<ArrayIndex> {
  const { file, notice } = request;
  const found = await readIndex(file, request.key);
  if (found instanceof Map) return found;
  if (found !== "missing") notice?.(`${file} is ${found}; it is made anew.`);
  const folder = dirname(file);
  try {
    await mkdir(folder, { recursive: true });
    await removeLeftOvers(folder);
    const others = await otherCopies(file);
    let missing = request.bytes - (await spaceIn(folder));
    if (missing > others.reduce((sum, { bytes }) => sum + bytes, 0)) throw noSpace(request);
    while (missing > 0) {
      const oldest = others.shift()!;
      await rm(oldest.file, { force: true });
      missing -= oldest.bytes;
    }
    await writeFile(request);
    await removeUnused(file, others);
  } catch (cause) {
    if (cause instanceof ModelError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === "ENOSPC") throw noSpace(request, cause);
    throw new ModelError(`${file} cannot be written: ${reasonOf(cause)}`, { cause });
  }
  const made = await readIndex(file, request.key);
  if (made instanceof Map) return made;
  throw new ModelError(`${file} was written and is ${made}; try again`);
}

function noSpace({ file, bytes }: ArrayFileRequest, cause?: unknown): ModelError {
  return new ModelError(
    `there is no space for the copy of the weights in ${dirname(file)}, ${gigabytes(bytes)}: free some, or set ` +
      `XDG_CACHE_HOME to a folder that has it`,
    { cause },
  );
}

async function writeFile({ file, key, write }: ArrayFileRequest): Promise<void> {
  const temporary = temporaryPath(file);
  const handle = await open(temporary, "w");
  try {
    const arrays: Record<string, [offset: number, bytes: number, length: number]> = {};
    let end = 0;
    let written = Promise.resolve();
    const put: PutArrays = async (...together) => {
      await written;
      const start = end;
      for (const [name, { byteLength, length }] of together) {
        arrays[name] = [end, byteLength, length];
        end += byteLength;
      }
      end = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
      const parts = together.map(([, values]) => bytesOf(values));
      written = writeFully(handle, parts, start);
      // Whoever puts the next, or waits for all, is told.
      written.catch(() => undefined);
    };
    await write(put);
    await written;
    const index = Buffer.from(JSON.stringify({ version: VERSION, key, arrays }));
    const place = Buffer.alloc(8);
    place.writeBigUInt64LE(BigInt(end));
    await writeFully(handle, [index, place, MAGIC], end);
    await handle.datasync();
    await handle.close();
    await rename(temporary, file);
  } catch (error) {
    await handle.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw error;
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Values): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Writes bytes behind each other, in one call to the system where it takes them at once: nothing here has to come round for the next. */
async function writeFully(handle: FileHandle, parts: readonly Uint8Array[], position: number): Promise<void> {
  let left = parts.filter(({ length }) => length > 0);
  let place = position;
  while (left.length > 0) {
    let { bytesWritten: done } = await handle.writev(left, place);
    place += done;
    while (left.length > 0 && done >= left[0]!.length) done -= left.shift()!.length;
    if (done > 0) left = [left[0]!.subarray(done), ...left.slice(1)];
  }
}

async function spaceIn(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

interface Copy {
  readonly file: string;
  readonly bytes: number;
  /** When it was last read or written, in milliseconds, as the file system has it. */
  readonly used: number;
}

/** The other copies of the folder, the least recently used first. One that a process has mapped stays there for it when its name goes. */
async function otherCopies(file: string): Promise<Copy[]> {
  const folder = dirname(file);
  const copies: Copy[] = [];
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (path === file || !name.endsWith(".bin") || name.startsWith(".")) continue;
    // Another process may have removed it since.
    const found = await stat(path).catch(() => undefined);
    if (found) copies.push({ file: path, bytes: found.size, used: Math.max(found.atimeMs, found.mtimeMs) });
  }
  return copies.sort((a, b) => a.used - b.used);
}

/** Removes copies that nobody has used for long when another one was made. */
async function removeUnused(file: string, others: readonly Copy[]): Promise<void> {
  const { mtimeMs } = await stat(file);
  for (const other of others)
    if (mtimeMs - other.used > UNUSED_DAYS * 24 * 3600 * 1000) await rm(other.file, { force: true });
}

/** What processes that were killed have left. */
async function removeLeftOvers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.startsWith(TEMPORARY_PREFIX)) continue;
    const owner = Number(name.slice(TEMPORARY_PREFIX.length).split("-")[0]);
    if (!isAlive(owner)) await rm(join(folder, name), { force: true });
  }
}

function isAlive(process_: number): boolean {
  try {
    process.kill(process_, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The index of a whole file of this version and key; else what is wrong with it. */
async function readIndex(
  file: string,
  key: string,
): Promise<Map<string, FileData> | "missing" | "truncated or broken" | "of another version"> {
  let handle: FileHandle;
  try {
    handle = await open(file, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "missing";
    throw new ModelError(`cannot open ${file}: ${reasonOf(error)}`, { cause: error });
  }
  try {
    const { size } = await handle.stat();
    const tail = Buffer.alloc(16);
    if (size < 16) return "truncated or broken";
    await handle.read(tail, 0, 16, size - 16);
    const end = Number(tail.readBigUInt64LE(0));
    const length = size - 16 - end;
    if (!tail.subarray(8).equals(MAGIC) || length < 0 || length > MAX_INDEX_BYTES)
      return "truncated or broken";
    const text = Buffer.alloc(length);
    await handle.read(text, 0, length, end);
    return checkedIndex(file, key, end, text.toString());
  } finally {
    await handle.close();
  }
}

function checkedIndex(
  file: string,
  key: string,
  end: number,
  text: string,
): Map<string, FileData> | "truncated or broken" | "of another version" {
  let parsed;
  try {
    parsed = indexSchema.safeParse(JSON.parse(text));
  } catch {
    return "truncated or broken";
  }
  if (!parsed.success) return "truncated or broken";
  const { version, arrays } = parsed.data;
  if (version !== VERSION || parsed.data.key !== key) return "of another version";
  const index = new Map<string, FileData>();
  for (const [name, [offset, byteLength, elements]] of Object.entries(arrays)) {
    if (offset + byteLength > end) return "truncated or broken";
    index.set(name, { file, offset, byteLength, length: elements });
  }
  return index;
}
