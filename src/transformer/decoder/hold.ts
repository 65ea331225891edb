/**
 * Weights that are held once: the linears and the head in a file of the user's cache, laid out as ONNX Runtime's products take them
 * and mapped into memory by it; rows of the embeddings read from a file when a token needs them. In JavaScript only norms and
 * biases stay.
 */
import { join } from "node:path";
import { ModelError } from "../../core/errors.js";
import { cacheFolder } from "../../core/cache-folder.js";
import type { FileData, HeldMatrix, QuantizedMatrix } from "../../graph/index.js";
import type { ModelConfig } from "../families/config.js";
import { EMBEDDINGS, headName, linearModules } from "../families/modules.js";
import { toWords } from "../../core/half-precision.js";
import { arrayFile, type ArrayIndex, type PutArray } from "../format/array-file.js";
import { blockFormats } from "../format/gguf/dequantize.js";
import { keptBytes, keptFormats, keptHalf } from "../format/gguf/keep.js";
import type { RowsPlace } from "../format/gguf/rows.js";
import type { WeightSource } from "../format/weights.js";

/** A weight in memory or in a file. */
export interface FrozenTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | FileData;
}

/** The weights of a model that are constants of a graph, by their Hugging Face names. */
export type FrozenWeights = ReadonlyMap<string, FrozenTensor>;

export interface HeldWeights {
  /** Norms, biases, and the matrices that are held in floats. */
  readonly weights: FrozenWeights;
  readonly quantized: ReadonlyMap<string, HeldMatrix>;
  readonly embeddings: RowsPlace;
  /** Bytes of all that is held. */
  readonly bytes: number;
}

export interface HoldRequest {
  readonly source: WeightSource;
  /** Named in errors. */
  readonly place: string;
  readonly config: ModelConfig;
  /** Of all weights. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Whether blocks are kept as they are; else all is held in float32. */
  readonly keep: boolean;
  /** Whether what kept blocks are multiplied with may be rounded to eight bits. Default: false. */
  readonly roundsInput?: boolean | undefined;
  /** What the weights are, hexadecimal. */
  readonly digest: string;
  readonly notice?: ((sentence: string) => void) | undefined;
}

const FLOAT32 = blockFormats.get(0)!;

const elementsOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** The matrices that a model's products use. */
function matrixNames(config: ModelConfig): Set<string> {
  return new Set([...linearModules(config).map(({ module }) => `${module}.weight`), headName(config)]);
}

/** How many bytes a model's weights take where they are held once. Nothing is read. */
export function heldBytes({ source, config, shapes, keep }: Omit<HoldRequest, "digest" | "place">): number {
  const matrices = matrixNames(config);
  let sum = 0;
  for (const [name, shape] of shapes) {
    const kept = keep && matrices.has(name);
    // Rows of embeddings that are no head are read from the file.
    if (name === EMBEDDINGS && !matrices.has(name) && source.rows) continue;
    sum += (kept && keptBytes(source.stored(name).format, elementsOf(shape))) || 4 * elementsOf(shape);
  }
  return sum;
}

/**
 * Holds a model's weights; converts them where the cache has no copy of them yet.
 * @throws ModelError as `WeightSource.read`, and where the copy cannot be written.
 */
export async function holdWeights(request: HoldRequest): Promise<HeldWeights> {
  const { source, config, shapes, keep, roundsInput = false, digest, notice } = request;
  const matrices = matrixNames(config);
  const bytes = heldBytes(request);
  const place = source.rows?.(EMBEDDINGS);
  const inCopy = (name: string): boolean => matrices.has(name) || (name === EMBEDDINGS && !place);
  const how = keep ? (roundsInput ? "kept-a8" : "kept") : "float32";
  const isKept = (name: string): boolean => keptBytes(source.stored(name).format, 1) !== undefined;
  if (keep && ![...matrices].some(isKept)) {
    throw new ModelError(
      `${request.place} has no linear in a format that can be kept (${keptFormats.join(", ")}); quantize it to int8 or int4`,
    );
  }
  const arrays = await arrayFile({
    file: join(cacheFolder(), "weights", `${digest.slice(0, 32)}-${how}.bin`),
    key: `${digest} ${how}`,
    bytes,
    notice,
    write: async (put) => {
      for (const name of shapes.keys()) {
        if (inCopy(name)) await putMatrix(put, source, name, keep, roundsInput);
      }
    },
  });
  const weights = new Map<string, FrozenTensor>();
  const quantized = new Map<string, HeldMatrix>();
  for (const [name, shape] of shapes) {
    if (!inCopy(name)) {
      if (name !== EMBEDDINGS) weights.set(name, await source.read(name));
    } else if (arrays.has(name)) weights.set(name, { shape, data: arrays.get(name)! });
    else quantized.set(name, matrixOf(arrays, name, shape as [number, number], roundsInput));
  }
  const [rows, columns] = shapes.get(EMBEDDINGS) as [number, number];
  const copied = arrays.get(EMBEDDINGS);
  const embeddings = place ?? {
    file: copied!.file,
    format: FLOAT32,
    start: copied!.offset,
    rows,
    columns,
  };
  return { weights, quantized, embeddings, bytes };
}

const PARTS = ["packed", "low", "scales", "offsets"] as const;

async function putMatrix(
  put: PutArray,
  source: WeightSource,
  name: string,
  keep: boolean,
  roundsInput: boolean,
): Promise<void> {
  const { format } = source.stored(name);
  const half = keep ? keptHalf(format) : undefined;
  const matrix: QuantizedMatrix | undefined =
    keep && !half ? await source.blocks?.(name, roundsInput) : undefined;
  if (matrix === undefined) {
    const { data } = await source.read(name);
    return half ? put(`${name}.${half}`, toWords(half, data)) : put(name, data);
  }
  for (const part of PARTS) if (matrix[part]) await put(`${name}.${part}`, matrix[part]);
}

/** A kept matrix of the copy. */
function matrixOf(
  arrays: ArrayIndex,
  name: string,
  [rows, columns]: readonly [number, number],
  roundsInput: boolean,
): HeldMatrix {
  for (const half of ["float16", "bfloat16"] as const) {
    const values = arrays.get(`${name}.${half}`);
    if (values) return { half, rows, columns, values };
  }
  const part = (which: (typeof PARTS)[number]): FileData | undefined => arrays.get(`${name}.${which}`);
  const scales = part("scales")!;
  const low = part("low");
  const offsets = part("offsets");
  const packed = part("packed")!;
  return {
    bits: packed.length === rows * columns ? 8 : 4,
    rows,
    columns,
    blockSize: ((rows * columns) / scales.length) as 16 | 32,
    packed,
    ...(low && { low }),
    scales,
    ...(offsets && { offsets }),
    ...(roundsInput && { roundsInput }),
  };
}
