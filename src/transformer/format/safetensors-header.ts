import { z } from "zod";
import { ModelError } from "../../core/errors.js";
import { MAX_JSON_DEPTH, isTooDeep } from "../../core/json-depth.js";
import { duplicateKey } from "../../core/duplicate-key.js";

/** The largest header that is read, in bytes. */
const MAX_HEADER_BYTES = 25_000_000;

/** Bytes of one element of each dtype of the format. */
const ELEMENT_BYTES: Readonly<Record<string, number>> = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
};

/** One tensor of a safetensors file. */
export interface TensorEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Where its bytes begin, counted from the file's start. */
  readonly start: number;
  /** Its length in bytes. */
  readonly bytes: number;
}

/** What a safetensors header holds. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** The `__metadata__` strings; empty where there are none. */
  readonly metadata: ReadonlyMap<string, string>;
}

const offset = z.int().min(0);
const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(offset).max(64),
  data_offsets: z.tuple([offset, offset]),
});
const metadataSchema = z.record(z.string(), z.string());

/**
 * The header's length in bytes, from the file's first 16 bytes (fewer if the file is shorter).
 * @throws ModelError when the file cannot be a whole safetensors file.
 */
export function headerLength(first: Uint8Array, fileBytes: number, file: string): number {
  const start = new TextDecoder("latin1").decode(first);
  if (start.startsWith("version https:/")) {
    throw new ModelError(`${file} is a Git LFS pointer, not the weights; fetch them with "git lfs pull"`);
  }
  if (first.length < 8) throw truncated(file, 8, fileBytes);
  const length = new DataView(first.buffer, first.byteOffset).getBigUint64(0, true);
  if (length < 2n || length > BigInt(MAX_HEADER_BYTES)) {
    throw new ModelError(
      `${file} is not a safetensors file: its header would have ${length} bytes (2 to ${MAX_HEADER_BYTES} are possible)`,
    );
  }
  const end = 8 + Number(length);
  if (end > fileBytes) throw truncated(file, end, fileBytes);
  return Number(length);
}

/**
 * Parses and validates a header: well-formed names, no duplicate key, known dtypes, lengths that fit the shapes, and
 * offsets that cover the rest of the file exactly once, without overlap or hole.
 * @param bytes the header's JSON, without the eight bytes of its length.
 * @throws ModelError naming the file, the tensor and what is wrong.
 */
export function parseHeader(bytes: Uint8Array, fileBytes: number, file: string): SafetensorsHeader {
  const json = parseObject(bytes, file);
  const dataStart = 8 + bytes.length;
  const tensors = new Map<string, TensorEntry>();
  let metadata: ReadonlyMap<string, string> = new Map();
  for (const [name, value] of Object.entries(json)) {
    if (name === "__metadata__") {
      const result = metadataSchema.safeParse(value);
      if (!result.success) throw broken(file, "__metadata__ is not a map from strings to strings");
      metadata = new Map(Object.entries(result.data));
      continue;
    }
    const nameProblem = tensorNameProblem(name);
    if (nameProblem !== undefined) throw broken(file, `the tensor name ${quoted(name)} ${nameProblem}`);
    tensors.set(name, parseEntry(name, value, dataStart, file));
  }
  checkCover(tensors, dataStart, fileBytes, file);
  return { tensors, metadata };
}

/** Why a tensor may not have this name, or `undefined` if it may. */
export function tensorNameProblem(name: string): string | undefined {
  if (name === "") return "is empty";
  if (name === "__metadata__") return "is reserved";
  if (name.length > 1024) return "is longer than 1024 characters";
  if (/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(name)) return "has unprintable characters";
  if (/(^|[/\\])\.\.([/\\]|$)/.test(name) || /^[/\\]/.test(name)) return "looks like a path";
  return undefined;
}

/**
 * The number of elements of a shape; 1 for a scalar.
 * @returns `undefined` when it is beyond 2^53 − 1.
 */
export function elementCount(shape: readonly number[]): number | undefined {
  if (shape.includes(0)) return 0;
  let count = 1;
  for (const dimension of shape) {
    count *= dimension;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}

/**
 * The first bytes of a file that holds float32 tensors in the order given: the header's length and the header, padded
 * with spaces to a multiple of eight.
 */
export function encodeHeader(
  tensors: readonly (readonly [name: string, shape: readonly number[]])[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const entries: [string, unknown][] = [];
  if (Object.keys(metadata).length > 0) entries.push(["__metadata__", metadata]);
  let position = 0;
  for (const [name, shape] of tensors) {
    const end = position + (elementCount(shape) ?? 0) * 4;
    entries.push([name, { dtype: "F32", shape, data_offsets: [position, end] }]);
    position = end;
  }
  // Joined by hand: an object literal would move names that look like integers to the front.
  const text = `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}`;
  const json = new TextEncoder().encode(text);
  const length = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  return bytes;
}

/** The error for a file that is shorter than its header says. */
export function truncated(file: string, promised: number, actual: number): ModelError {
  return new ModelError(
    `${file} is truncated: the header promises ${promised} bytes, the file has ${actual}; download it again`,
  );
}

/** A text of the file's, for an error message. */
export function quoted(text: string): string {
  return JSON.stringify(text.length <= 100 ? text : `${text.slice(0, 99)}…`);
}

function broken(file: string, what: string): ModelError {
  return new ModelError(`${file} is not a valid safetensors file: ${what}; download it again`);
}

function parseObject(bytes: Uint8Array, file: string): object {
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    if (isTooDeep(text)) throw new Error(`it is nested more than ${MAX_JSON_DEPTH} deep`);
    json = JSON.parse(text);
  } catch (cause) {
    // V8 quotes a piece of the text, which may hold anything.
    const reason = (cause instanceof Error ? cause.message : String(cause)).replace(/[\s\p{Cc}]+/gu, " ");
    throw broken(file, `its header is not JSON (${reason})`);
  }
  if (!text.startsWith("{") || typeof json !== "object" || json === null) {
    throw broken(file, "its header is not a JSON object");
  }
  const duplicate = duplicateKey(text);
  if (duplicate !== undefined) throw broken(file, `its header has the key ${quoted(duplicate)} twice`);
  return json;
}

function parseEntry(name: string, value: unknown, dataStart: number, file: string): TensorEntry {
  const result = entrySchema.safeParse(value);
  if (!result.success) {
    const issue = result.error.issues[0];
    throw broken(
      file,
      `tensor ${name}: ${issue?.path.join(".") || "its entry"} is malformed (${issue?.message})`,
    );
  }
  const { dtype, shape, data_offsets: offsets } = result.data;
  const [begin, end] = offsets;
  const elementBytes = Object.hasOwn(ELEMENT_BYTES, dtype) ? ELEMENT_BYTES[dtype] : undefined;
  if (elementBytes === undefined) throw broken(file, `tensor ${name} has the unknown dtype ${quoted(dtype)}`);
  const count = elementCount(shape);
  const bytes = count === undefined ? NaN : count * elementBytes;
  if (!Number.isSafeInteger(bytes))
    throw broken(file, `tensor ${name}: the shape [${shape.join(", ")}] is too large`);
  if (end - begin !== bytes) {
    const shown = `${dtype} [${shape.join(", ")}] needs ${bytes} bytes, its offsets ${begin} to ${end} hold ${end - begin}`;
    throw broken(file, `tensor ${name}: ${shown}`);
  }
  return { dtype, shape, start: dataStart + begin, bytes };
}

function checkCover(
  tensors: ReadonlyMap<string, TensorEntry>,
  dataStart: number,
  fileBytes: number,
  file: string,
): void {
  const ordered = [...tensors].sort(([, a], [, b]) => a.start - b.start || a.bytes - b.bytes);
  let position = dataStart;
  for (const [name, entry] of ordered) {
    if (entry.start < position) throw broken(file, `tensor ${name} overlaps the one before it`);
    if (entry.start > position)
      throw broken(file, `there is a hole of ${entry.start - position} bytes before ${name}`);
    position = entry.start + entry.bytes;
  }
  if (position > fileBytes) throw truncated(file, position, fileBytes);
  if (position < fileBytes) {
    throw broken(file, `${fileBytes - position} bytes at its end belong to no tensor`);
  }
}
