/**
 * The safetensors format: eight bytes with the header's length (little-endian), a JSON header, the tensors' bytes.
 * Read and written here because the format is small and checking it is the point: a file is untrusted input.
 * Little-endian machines only, as onnxruntime itself.
 */
import type { FileHandle } from "node:fs/promises";
import { ModelError } from "../../core/errors.js";
import { writeAtomically } from "../../core/files.js";
import { bfloatToFloat, halfToFloat } from "../../core/half-precision.js";
import { openFile, reasonOf } from "../../core/json-file.js";
import {
  elementCount,
  encodeHeader,
  headerLength,
  parseHeader,
  tensorNameProblem,
  truncated,
  type TensorEntry,
} from "./safetensors-header.js";

export type { TensorEntry } from "./safetensors-header.js";

/** A tensor in float32, row-major. */
export interface FloatTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export interface ReadOptions {
  /** Refuse NaN and infinities (default true): weights that hold them are broken. */
  readonly requireFinite?: boolean;
}

/** An open safetensors file; `close()` it. */
export interface SafetensorsFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** The strings under `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * Reads one tensor, and only its range of the file. F16 and BF16 become float32 exactly; I64 where every value is
   * exact in float32.
   * @throws ModelError for an unknown name, another dtype, a value that is not finite, or a file cut meanwhile.
   */
  read(name: string, options?: ReadOptions): Promise<FloatTensor>;
  close(): Promise<void>;
}

/** How many bytes of a tensor that must be converted are held at once; a multiple of every element's size. */
const CHUNK_BYTES = 8 << 20;

/**
 * Opens a safetensors file and validates its whole header against the file's length; reads no tensor.
 * @throws ModelError when the file is missing, truncated or malformed.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const handle = await openFile(path);
  try {
    const status = await handle.stat();
    const first = new Uint8Array(Math.min(16, status.size));
    await readFully(handle, first, 0, path);
    const header = new Uint8Array(headerLength(first, status.size, path));
    await readFully(handle, header, 8, path);
    const { tensors, metadata } = parseHeader(header, status.size, path);
    const read = async (name: string, options: ReadOptions = {}): Promise<FloatTensor> => {
      const entry = tensors.get(name);
      if (entry === undefined) throw new ModelError(`${path} has no tensor ${name}`);
      const data = await readFloats(handle, entry, name, path);
      if (options.requireFinite ?? true) checkFinite(data, name, path);
      return { shape: entry.shape, data };
    };
    return { path, tensors, metadata, read, close: () => handle.close() };
  } catch (cause) {
    await handle.close();
    if (cause instanceof ModelError) throw cause;
    throw new ModelError(`cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
}

/**
 * Writes float32 tensors as a safetensors file, in the order of their names: the same tensors give the same bytes, and
 * the same as Python's writer gives. The file appears whole or not at all.
 * @param metadata `{ format: "pt" }` by default, which Python's transformers asks for.
 * @throws ModelError for a name or shape that does not fit.
 * @throws RunError when the disk is full or the folder not writable.
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, FloatTensor>,
  metadata: Readonly<Record<string, string>> = { format: "pt" },
): Promise<void> {
  for (const [name, { shape, data }] of tensors) {
    const problem = tensorNameProblem(name);
    if (problem !== undefined)
      throw new ModelError(`cannot write ${path}: the name ${JSON.stringify(name)} ${problem}`);
    if (elementCount(shape) !== data.length) {
      const shown = `the shape [${shape.join(", ")}] does not hold ${data.length} values`;
      throw new ModelError(`cannot write ${path}: tensor ${name}: ${shown}`);
    }
  }
  const ordered = [...tensors].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const header = encodeHeader(
    ordered.map(([name, { shape }]) => [name, shape]),
    metadata,
  );
  const parts = ordered.map(([, { data }]) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  await writeAtomically(path, Buffer.concat([header, ...parts]));
}

async function readFully(
  handle: FileHandle,
  target: Uint8Array,
  position: number,
  file: string,
): Promise<void> {
  for (let done = 0; done < target.length;) {
    const wanted = Math.min(target.length - done, 1 << 28);
    const { bytesRead } = await handle.read(target, done, wanted, position + done);
    if (bytesRead === 0) throw truncated(file, position + target.length, position + done);
    done += bytesRead;
  }
}

async function readFloats(
  handle: FileHandle,
  entry: TensorEntry,
  name: string,
  file: string,
): Promise<Float32Array> {
  const { dtype, shape, start, bytes } = entry;
  if (dtype !== "F32" && dtype !== "F16" && dtype !== "BF16" && dtype !== "I64") {
    throw new ModelError(`${file}: tensor ${name} is ${dtype}; whetstone reads F32, F16, BF16 and I64`);
  }
  const data = allocate(elementCount(shape) ?? 0, name, file);
  if (dtype === "F32") {
    await readFully(handle, new Uint8Array(data.buffer), start, file);
    return data;
  }
  const elementBytes = dtype === "I64" ? 8 : 2;
  const chunk = new Uint8Array(Math.min(bytes, CHUNK_BYTES));
  for (let done = 0; done < bytes; done += chunk.length) {
    const part = chunk.subarray(0, Math.min(chunk.length, bytes - done));
    await readFully(handle, part, start + done, file);
    const offset = done / elementBytes;
    if (dtype === "I64")
      integersToFloat(new BigInt64Array(part.buffer, 0, part.length / 8), data, offset, name, file);
    else if (dtype === "F16") halfToFloat(new Uint16Array(part.buffer, 0, part.length / 2), data, offset);
    else bfloatToFloat(new Uint16Array(part.buffer, 0, part.length / 2), data, offset);
  }
  return data;
}

function allocate(count: number, name: string, file: string): Float32Array {
  try {
    return new Float32Array(count);
  } catch (cause) {
    throw new ModelError(`${file}: tensor ${name} needs ${count * 4} bytes of memory, more than there is`, {
      cause,
    });
  }
}

function integersToFloat(
  words: BigInt64Array,
  target: Float32Array,
  offset: number,
  name: string,
  file: string,
): void {
  for (let i = 0; i < words.length; i++) {
    const value = Number(words[i]!);
    target[offset + i] = value;
    if (BigInt(target[offset + i]!) !== words[i]) {
      throw new ModelError(
        `${file}: tensor ${name} holds the integer ${words[i]}, which float32 cannot hold exactly`,
      );
    }
  }
}

function checkFinite(data: Float32Array, name: string, file: string): void {
  for (let i = 0; i < data.length; i++) {
    if (!Number.isFinite(data[i])) {
      throw new ModelError(
        `${file}: tensor ${name} holds ${data[i]} at element ${i}; the weights are broken`,
      );
    }
  }
}
