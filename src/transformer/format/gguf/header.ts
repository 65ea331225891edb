import type { FileHandle } from "node:fs/promises";
import { ModelError } from "../../../core/errors.js";
import { openFile, reasonOf } from "../../../core/json-file.js";
import { elementCount, quoted, tensorNameProblem } from "../safetensors-header.js";
import { blockFormats, type BlockFormat } from "./dequantize.js";
import { parseHeader, type RawHeader, type TensorInfo } from "./read-header.js";

/** Where a tensor of a GGUF file lies, and how. */
export interface GgufTensor {
  /** Row-major, the outermost dimension first, as everywhere here; the file has them the other way round. */
  readonly shape: readonly number[];
  readonly format: BlockFormat;
  /** Where its bytes begin, counted from the file's start. */
  readonly start: number;
  readonly bytes: number;
}

/** What a GGUF file's header says. */
export interface GgufHeader {
  readonly path: string;
  /** Numbers (64-bit ones as bigints), texts, booleans and lists of these; lists of texts as `TextList`s. */
  readonly metadata: ReadonlyMap<string, unknown>;
  readonly tensors: ReadonlyMap<string, GgufTensor>;
}

/** Whether a path names a GGUF file: by its ending, or as Ollama names the files of models. */
export function isGguf(path: string): boolean {
  return /\.gguf$|(?:^|[\\/])sha256-[0-9a-f]{64}$/i.test(path);
}

const MAGIC = 0x46554747;
/** No header is read beyond this; with it, what a header may claim is bounded too. */
const MAX_HEADER_BYTES = 50_000_000;
/** The least that an entry takes in the file: two lengths and a type, a tensor's kind and place. */
const LEAST_ENTRY_BYTES = 13;
const DEFAULT_ALIGNMENT = 32;
const ALIGNMENTS = Array.from({ length: 17 }, (_, power) => 2 ** power);
const LEAST_TENSOR_BYTES = 24;
/** Of the file's beginning, what is read first; where the header is longer, four times as much, and so on. */
const FIRST_BYTES = 2 << 20;

/**
 * Reads a GGUF file's header (versions 2 and 3, little-endian), and checks it against the file's length before anything of
 * the size that it claims is allocated. No tensor is read.
 * @throws ModelError with one sentence for a missing, truncated or malformed file, and for a tensor of a format that is
 * not read here, named with those that are.
 */
export async function readGgufHeader(path: string): Promise<GgufHeader> {
  const { raw, fileBytes } = await readRaw(path);
  const { metadata } = raw;
  const alignment = alignmentOf(metadata, path);
  const start = Math.ceil(raw.bytes / alignment) * alignment;
  const tensors = new Map<string, GgufTensor>();
  for (const info of raw.tensors) {
    const problem = tensorNameProblem(info.name);
    if (problem !== undefined) throw broken(path, `the tensor name ${quoted(info.name)} ${problem}`);
    if (tensors.has(info.name)) throw broken(path, `it has the tensor ${info.name} twice`);
    if (info.offset % BigInt(alignment) !== 0n)
      throw broken(path, `tensor ${info.name} begins at ${info.offset}, not a multiple of its alignment`);
    tensors.set(info.name, tensorOf(info, start, fileBytes, path));
  }
  checkOverlap(tensors, path);
  return { path, metadata, tensors };
}

/** The header as it stands, and the file's length. */
async function readRaw(path: string): Promise<{ readonly raw: RawHeader; readonly fileBytes: number }> {
  const handle = await openFile(path);
  try {
    const fileBytes = await checkStart(handle, path);
    const most = Math.min(fileBytes, MAX_HEADER_BYTES);
    for (let length = Math.min(FIRST_BYTES, most); ; length = Math.min(4 * length, most)) {
      const bytes = Buffer.allocUnsafe(length);
      const { bytesRead } = await handle.read(bytes, 0, length, 0);
      if (bytesRead < length) throw truncated(path, length, bytesRead);
      try {
        return { raw: parseHeader(bytes), fileBytes };
      } catch (cause) {
        if (!(cause instanceof RangeError)) throw broken(path, reasonOf(cause), cause);
        if (length === most) throw broken(path, "its header goes on past the file's end", cause);
      }
    }
  } finally {
    await handle.close();
  }
}

/** @returns the file's length, once its first bytes can be those of a GGUF file of that length. */
async function checkStart(handle: FileHandle, path: string): Promise<number> {
  const status = await handle.stat();
  const first = new DataView(new ArrayBuffer(24));
  const { bytesRead } = await handle.read(first, 0, 24, 0);
  if (bytesRead < 24) throw truncated(path, 24, status.size);
  if (first.getUint32(0, true) !== MAGIC) {
    throw new ModelError(`${path} is not a GGUF file: it does not begin with "GGUF"`);
  }
  const version = first.getUint32(4, true);
  if (version !== 2 && version !== 3) {
    throw broken(path, `it is of version ${version}, and versions 2 and 3 are read, little-endian`);
  }
  const room = BigInt(Math.min(status.size, MAX_HEADER_BYTES) - 24);
  const claimed = [
    ["tensors", first.getBigUint64(8, true), LEAST_TENSOR_BYTES],
    ["entries", first.getBigUint64(16, true), LEAST_ENTRY_BYTES],
  ] as const;
  for (const [what, count, bytes] of claimed) {
    if (count * BigInt(bytes) > room) {
      throw broken(path, `it claims ${count} ${what}, more than a file of ${status.size} bytes can list`);
    }
  }
  return status.size;
}

function alignmentOf(metadata: ReadonlyMap<string, unknown>, path: string): number {
  const alignment = metadata.get("general.alignment") ?? DEFAULT_ALIGNMENT;
  if (typeof alignment !== "number" || !ALIGNMENTS.includes(alignment))
    throw broken(path, `its alignment is not a power of two up to ${ALIGNMENTS.at(-1)}`);
  return alignment;
}

function tensorOf(info: TensorInfo, dataStart: number, fileBytes: number, path: string): GgufTensor {
  const { name } = info;
  const format = blockFormats.get(info.dtype);
  if (format === undefined) {
    const known = [...blockFormats.values()].map((each) => each.name).join(", ");
    throw new ModelError(
      `${path}: tensor ${name} is of ggml's type ${info.dtype}, which is not read; supported are ${known}`,
    );
  }
  const shape = info.shape.map(Number).reverse();
  const row = shape.at(-1) ?? 1;
  const shown = `[${shape.join(", ")}]`;
  const count = elementCount(shape);
  if (count === undefined || count === 0)
    throw broken(path, `tensor ${name} has the impossible shape ${shown}`);
  if (row % format.elements !== 0) {
    throw broken(
      path,
      `tensor ${name}: rows of ${row} are not whole blocks of ${format.name} (${format.elements})`,
    );
  }
  const bytes = (count / format.elements) * format.bytes;
  const start = dataStart + Number(info.offset);
  if (!(start + bytes <= fileBytes)) {
    throw new ModelError(
      `${path} is truncated or broken: tensor ${name} ${shown} would end at byte ${start + bytes}, the file has ` +
        `${fileBytes}; download it again`,
    );
  }
  return { shape, format, start, bytes };
}

function checkOverlap(tensors: ReadonlyMap<string, GgufTensor>, path: string): void {
  let end = 0;
  for (const [name, tensor] of [...tensors].sort(([, a], [, b]) => a.start - b.start)) {
    if (tensor.start < end) throw broken(path, `tensor ${name} overlaps the one before it`);
    end = tensor.start + tensor.bytes;
  }
}

function broken(path: string, what: string, cause?: unknown): ModelError {
  return new ModelError(`${path} is not a valid GGUF file: ${what}; download it again`, { cause });
}

function truncated(path: string, promised: number, actual: number): ModelError {
  return new ModelError(
    `${path} is truncated: its header needs ${promised} bytes, the file has ${actual}; download it again`,
  );
}
