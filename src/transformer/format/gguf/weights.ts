import { open, type FileHandle } from "node:fs/promises";
import { ModelError } from "../../../core/errors.js";
import type { QuantizedMatrix } from "../../../graph/index.js";
import { reasonOf } from "../../../core/json-file.js";
import type { FloatTensor, ReadOptions } from "../safetensors.js";
import type { WeightSource } from "../weights.js";
import type { GgufHeader, GgufTensor } from "./header.js";
import { emptyMatrix, keepRows } from "./keep.js";
import { changeOf, ggufName, type Change } from "./names.js";

/** Packed bytes that are held at once; whole rows, at least one. */
const CHUNK_BYTES = 4 << 20;

/**
 * The weights of a GGUF file under their Hugging Face names, dequantized to float32 as they are read.
 * @param heads undoes the order of llama.cpp's rotary rows.
 */
export async function openGgufWeights(
  header: GgufHeader,
  architecture: string,
  heads: { readonly heads: number; readonly kvHeads: number },
): Promise<WeightSource> {
  const { path, tensors } = header;
  const find = (name: string): GgufTensor | undefined => {
    const known = ggufName(architecture, name);
    return known === undefined ? undefined : tensors.get(known);
  };
  const tensorOf = (name: string): GgufTensor => {
    const tensor = find(name);
    if (tensor === undefined) throw new ModelError(`${path} has no tensor for ${name}`);
    return tensor;
  };
  const handle = await openFile(path);
  return {
    files: () => [path],
    names: () => [...tensors.keys()],
    has: (name) => find(name) !== undefined,
    shape: (name) => tensorOf(name).shape,
    stored: (name) => ({ format: tensorOf(name).format.name, bytes: tensorOf(name).bytes }),
    read: (name, options) =>
      readTensor(handle, tensorOf(name), changeOf(architecture, name, heads), name, path, options),
    rows: (name) => {
      const { format, start, shape } = tensorOf(name);
      return { file: path, format, start, rows: shape[0]!, columns: shape[1]! };
    },
    blocks: (name, roundsInput) =>
      readBlocks(handle, tensorOf(name), changeOf(architecture, name, heads), name, path, roundsInput),
    close: () => handle.close(),
  };
}

/** One tensor of the file by its own name, as it is, in float32; undefined where there is none. */
export async function readGgufTensor(header: GgufHeader, name: string): Promise<FloatTensor | undefined> {
  const tensor = header.tensors.get(name);
  if (tensor === undefined) return undefined;
  const handle = await openFile(header.path);
  try {
    return await readTensor(handle, tensor, {}, name, header.path);
  } finally {
    await handle.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (cause) {
    throw new ModelError(`cannot open ${path}: ${reasonOf(cause)}`, { cause });
  }
}

async function readTensor(
  handle: FileHandle,
  tensor: GgufTensor,
  change: Change,
  name: string,
  path: string,
  { requireFinite = true }: ReadOptions = {},
): Promise<FloatTensor> {
  const { shape, format, bytes } = tensor;
  const width = rowWidth(tensor, change);
  const data = new Float32Array((bytes / format.bytes) * format.elements);
  await readRows(handle, tensor, change, name, path, (part, row) =>
    format.dequantize(part, data, row * width),
  );
  if (change.minus !== undefined) for (let i = 0; i < data.length; i++) data[i] = data[i]! - change.minus;
  // Of a block one value tells of all: each is made with all the scales of its block, and 0 · ∞ is not finite either.
  if (requireFinite) checkFinite(data, name, path, format.elements);
  return { shape, data };
}

/** A matrix with its blocks as they are; undefined where they cannot be used so. */
async function readBlocks(
  handle: FileHandle,
  tensor: GgufTensor,
  change: Change,
  name: string,
  path: string,
  roundsInput: boolean,
): Promise<QuantizedMatrix | undefined> {
  const { shape, format } = tensor;
  if (shape.length !== 2 || change.minus !== undefined) return undefined;
  const matrix = emptyMatrix(format, shape[0]!, shape[1]!, roundsInput);
  if (matrix === undefined) return undefined;
  await readRows(handle, tensor, change, name, path, (part, row) => keepRows(format, part, matrix, row));
  checkFinite(matrix.scales, name, path);
  for (const floats of [matrix.offsets, matrix.units]) if (floats) checkFinite(floats, name, path);
  return matrix;
}

/** The values of a row; of the bias of a paired linear one, since its rows are paired too. */
function rowWidth({ shape }: GgufTensor, change: Change): number {
  return shape.length === 1 && change.pairedHeads !== undefined ? 1 : shape.at(-1)!;
}

/** Reads all rows; `take` is given several that follow each other, and the place of the first. */
async function readRows(
  handle: FileHandle,
  tensor: GgufTensor,
  change: Change,
  name: string,
  path: string,
  take: (bytes: Uint8Array, row: number) => void,
): Promise<void> {
  const { format, start, bytes } = tensor;
  const rowBytes = (rowWidth(tensor, change) / format.elements) * format.bytes;
  const rows = bytes / rowBytes;
  const rowsAtOnce = Math.max(1, Math.min(rows, Math.floor(CHUNK_BYTES / rowBytes)));
  const packed = new Uint8Array(rowsAtOnce * rowBytes);
  const place = rowPlaces(rows, change.pairedHeads, name, path);
  for (let row = 0; row < rows; row += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, rows - row);
    const part = packed.subarray(0, count * rowBytes);
    await readFully(handle, part, start + row * rowBytes, path);
    if (place === undefined) take(part, row);
    else {
      for (let i = 0; i < count; i++) take(part.subarray(i * rowBytes, (i + 1) * rowBytes), place(row + i));
    }
  }
}

/** Where a row of the file goes: of each head's d rows, 2j + h is row j of half h. */
function rowPlaces(
  rows: number,
  heads: number | undefined,
  name: string,
  path: string,
): ((row: number) => number) | undefined {
  if (heads === undefined) return undefined;
  const d = rows / heads;
  if (!Number.isInteger(d) || d % 2 !== 0) {
    throw new ModelError(
      `${path}: the ${rows} rows of ${name} do not belong to ${heads} heads of even width`,
    );
  }
  return (row) => {
    const within = row % d;
    return row - within + (within % 2) * (d / 2) + (within >>> 1);
  };
}

async function readFully(
  handle: FileHandle,
  target: Uint8Array,
  position: number,
  path: string,
): Promise<void> {
  for (let done = 0; done < target.length;) {
    const { bytesRead } = await handle.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) {
      throw new ModelError(
        `${path} was cut while it was read: it ends at byte ${position + done}; download it again`,
      );
    }
    done += bytesRead;
  }
}

/** @param stride one value of so many is looked at. */
function checkFinite(data: Float32Array, name: string, path: string, stride = 1): void {
  // 0 · x is NaN where x is not finite, and a sum keeps it: one pass without a branch.
  let sum = 0;
  for (let i = 0; i < data.length; i += stride) sum += 0 * data[i]!;
  if (sum === 0) return;
  const at = data.findIndex((value) => !Number.isFinite(value));
  throw new ModelError(`${path}: tensor ${name} holds ${data[at]} at element ${at}; the weights are broken`);
}
