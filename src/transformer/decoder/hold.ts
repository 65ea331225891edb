/**
 * Weights that are held once: the linears and the head in a file of the user's cache, laid out as ONNX Runtime's products take them
 * and mapped into memory by it; rows of the embeddings read from a file when a token needs them. In JavaScript only norms and
 * biases stay.
 */
import { join } from "node:path";
import { ModelError } from "../../core/errors.js";
import { cacheFolder } from "../../core/cache-folder.js";
import { MATRIX_PARTS, type FileData, type HeldMatrix, type QuantizedMatrix } from "../../graph/index.js";
import type { ModelConfig } from "../families/config.js";
import { EMBEDDINGS, headName, linearModules, withSharedInput } from "../families/modules.js";
import { nearestHalves, toWords } from "../../core/half-precision.js";
import { keepsBlocks, type HeldWay } from "./quantize.js";
import { arrayFile, type ArrayIndex, type PutArrays } from "../format/array-file.js";
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
  readonly way: HeldWay;
  /** What the weights are, hexadecimal. */
  readonly digest: string;
  readonly notice?: ((sentence: string) => void) | undefined;
}

const FLOAT32 = blockFormats.get(0)!;

/** How copies in the cache are called, by what they hold. */
const NAMES: Readonly<Record<HeldWay, string>> = {
  ...{ float32: "float32", float16: "float16", keep: "kept", keepa8: "kept-a8" },
};

const elementsOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** The matrices that a model's products use. */
function matrixNames(config: ModelConfig): Set<string> {
  return new Set([...linearModules(config).map(({ module }) => `${module}.weight`), headName(config)]);
}

/** How many bytes a model's weights take where they are held once. Nothing is read. */
export function heldBytes({ source, config, shapes, way }: Omit<HoldRequest, "digest" | "place">): number {
  const matrices = matrixNames(config);
  const bytesOf = (name: string, elements: number): number | undefined => {
    if (!matrices.has(name)) return undefined;
    if (way === "float16") return 2 * elements;
    return way === "float32" ? undefined : keptBytes(source.stored(name).format, elements);
  };
  let sum = 0;
  for (const [name, shape] of shapes) {
    // Rows of embeddings that are no head are read from the file.
    if (name === EMBEDDINGS && !matrices.has(name) && source.rows) continue;
    sum += bytesOf(name, elementsOf(shape)) ?? 4 * elementsOf(shape);
  }
  return sum;
}

/**
 * Holds a model's weights; converts them where the cache has no copy of them yet.
 * @throws ModelError as `WeightSource.read`, where the copy cannot be written, and where a value is beyond float16 that is to be held in it.
 */
export async function holdWeights(request: HoldRequest): Promise<HeldWeights> {
  const { source, config, shapes, way, digest, notice } = request;
  const matrices = matrixNames(config);
  const bytes = heldBytes(request);
  const place = source.rows?.(EMBEDDINGS);
  const inCopy = (name: string): boolean => matrices.has(name) || (name === EMBEDDINGS && !place);
  const how = NAMES[way];
  const isKept = (name: string): boolean => keptBytes(source.stored(name).format, 1) !== undefined;
  if (keepsBlocks(way) && ![...matrices].some(isKept)) {
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
      for (const names of withSharedInput([...shapes.keys()].filter(inCopy))) {
        // Rows that are looked up are in the file, or in floats here.
        const isHeld = (name: string): boolean => matrices.has(name) && (name !== EMBEDDINGS || !!place);
        await putMatrices(put, request, names, names.every(isHeld) ? way : "float32");
      }
    },
  });
  const weights = new Map<string, FrozenTensor>();
  const quantized = new Map<string, HeldMatrix>();
  for (const [name, shape] of shapes) {
    if (!inCopy(name)) {
      if (name !== EMBEDDINGS) weights.set(name, await source.read(name));
    } else if (arrays.has(name)) weights.set(name, { shape, data: arrays.get(name)! });
    else quantized.set(name, matrixOf(arrays, name, shape as [number, number], way === "keepa8"));
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

/** Blocks of matrices that share their input lie behind each other, array by array, so that they can be multiplied as one (`stacked`). */
async function putMatrices(
  put: PutArrays,
  request: HoldRequest,
  names: readonly string[],
  way: HeldWay,
): Promise<void> {
  const { source } = request;
  const matrices = new Map<string, QuantizedMatrix>();
  for (const name of names) {
    const isBlocks = keepsBlocks(way) && !keptHalf(source.stored(name).format);
    const matrix = isBlocks ? await source.blocks?.(name, way === "keepa8") : undefined;
    if (matrix) matrices.set(name, matrix);
    else await putFloats(put, request, name, way);
  }
  for (const part of MATRIX_PARTS) {
    await put(
      ...[...matrices].flatMap(([name, { [part]: values }]) =>
        values ? [[`${name}.${part}`, values] as const] : [],
      ),
    );
  }
}

async function putFloats(
  put: PutArrays,
  { source, place }: HoldRequest,
  name: string,
  way: HeldWay,
): Promise<void> {
  const half = keepsBlocks(way) ? keptHalf(source.stored(name).format) : undefined;
  const { data } = await source.read(name);
  if (half) return put([`${name}.${half}`, toWords(half, data)]);
  if (way !== "float16") return put([name, data]);
  const words = nearestHalves(data);
  if (words) return put([`${name}.float16`, words]);
  throw new ModelError(`${place}: ${name} has a value beyond 65504, the largest of float16`, {
    ...{ reason: "beyond-half", where: place },
    remedy: "hold the model in float32 (leave out `quantize`)",
  });
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
  const part = (which: (typeof MATRIX_PARTS)[number]): FileData | undefined => arrays.get(`${name}.${which}`);
  const scales = part("scales")!;
  const low = part("low");
  const offsets = part("offsets");
  const [steps, units] = [part("steps"), part("units")];
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
    ...(steps && units && { steps, units }),
    ...(roundsInput && { roundsInput }),
  };
}
