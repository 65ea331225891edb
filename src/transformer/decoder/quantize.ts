import { byteMatrix, quantizeMatrix, type ByteMatrix, type QuantizedMatrix } from "../../graph/index.js";
import type { ModelConfig } from "../families/config.js";
import { EMBEDDINGS, headName, linearModules } from "../families/modules.js";
import type { FloatTensor } from "../format/safetensors.js";
import type { WeightSource } from "../format/weights.js";

/**
 * How a model's linears are held for sampling and scoring. `int8`: rounded to bytes, with a scale for each row, and what they are multiplied
 * with to bytes as well (`byteMatrix`). `int4`: to integers of four bits, with a scale and an offset for every 32 values of a row (the head in
 * eight bits). `int4a8`: as `int4`, and what the weights are
 * multiplied with is rounded to eight bits. `float16`: rounded to floats of 16 bits, each matrix in float32 for its product alone. `keep`: blocks and floats
 * of 16 bits as their file has them (`holdWeights`). `keepa8`: as `keep`, and what blocks are multiplied with is rounded to eight bits.
 * Embeddings, norms and biases stay floats.
 */
export const QUANTIZATIONS = ["int8", "int4", "int4a8", "float16", "keep", "keepa8"] as const;

export type Quantization = (typeof QUANTIZATIONS)[number];

/** Whether a way leaves blocks as their file has them. */
export const keepsBlocks = (way: Quantization | "float32" | undefined): boolean =>
  way === "keep" || way === "keepa8";

/** Those by which weights are held once, in a file (`holdWeights`); in float32 they may be, too. */
const HELD_ONCE = ["float16", "keep", "keepa8"] as const satisfies readonly Quantization[];
export type HeldWay = (typeof HELD_ONCE)[number] | "float32";
export const isHeldOnce = (way: Quantization): way is (typeof HELD_ONCE)[number] =>
  HELD_ONCE.some((held) => held === way);

/** Those that round weights to integers. */
const ROUNDINGS = ["int8", "int4", "int4a8"] as const satisfies readonly Quantization[];
export type RoundedWay = (typeof ROUNDINGS)[number];

/** Those by which what is drawn is rounded: weights, or what they are multiplied with. */
export const DRAWN_ROUNDED = [...ROUNDINGS, "float16", "keepa8"] as const satisfies readonly Quantization[];

/** A weight that was rounded. */
export type RoundedMatrix = QuantizedMatrix | ByteMatrix;

/** Weights [out, in] by their Hugging Face names. */
export type QuantizedWeights = ReadonlyMap<string, RoundedMatrix>;

/** What was read of a model. Where nothing is quantized, all is in `weights`. */
export interface ReadWeights {
  readonly weights: ReadonlyMap<string, FloatTensor>;
  readonly quantized?: QuantizedWeights;
}

/**
 * Reads a model's weights into memory, its linears rounded to integers if asked for; of those the floats are not kept.
 * @param names of all weights.
 * @throws ModelError as `WeightSource.read`.
 */
export async function readWeights(
  source: WeightSource,
  config: ModelConfig,
  names: Iterable<string>,
  quantization: RoundedWay | undefined,
): Promise<ReadWeights> {
  const weights = new Map<string, FloatTensor>();
  if (quantization === undefined) {
    for (const name of names) weights.set(name, await source.read(name));
    return { weights };
  }
  const quantized = new Map<string, RoundedMatrix>();
  const matrices = new Set(linearModules(config).map(({ module }) => `${module}.weight`));
  const head = headName(config);
  matrices.add(head);
  for (const name of names) {
    const tensor = await source.read(name);
    const rounded = matrices.has(name);
    if (rounded) quantized.set(name, quantizeTensor(tensor, quantization, name === head));
    // Embeddings are looked up, and only floats can be.
    if (!rounded || name === EMBEDDINGS) weights.set(name, tensor);
  }
  return { weights, quantized };
}

/** A weight [out, in] as integers. */
function quantizeTensor(
  { shape, data }: FloatTensor,
  quantization: RoundedWay,
  isHead: boolean,
): RoundedMatrix {
  const [rows, columns] = shape as [number, number];
  if (quantization === "int8") return byteMatrix(data, rows, columns);
  const matrix = quantizeMatrix(data, rows, columns, isHead ? 8 : 4);
  return quantization === "int4a8" && !isHead ? { ...matrix, roundsInput: true } : matrix;
}
