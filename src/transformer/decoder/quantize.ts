import { ModelError } from "../../core/errors.js";
import { quantizeMatrix, type QuantizedMatrix } from "../../graph/index.js";
import type { ModelConfig } from "../families/config.js";
import { keptFormats } from "../format/gguf/keep.js";
import { EMBEDDINGS, headName, linearModules } from "../families/modules.js";
import type { FloatTensor } from "../format/safetensors.js";
import type { WeightSource } from "../format/weights.js";

/**
 * How a model's linears are held for sampling and scoring. `int8` and `int4`: rounded to integers of so many bits, with a scale
 * and a zero point or an offset for every 32 values of a row (of `int4` the head in eight bits). `keep`: the blocks of a GGUF
 * file as they are, where ONNX Runtime has a product for their layout. Embeddings, norms and biases stay floats.
 */
export const QUANTIZATIONS = ["int8", "int4", "keep"] as const;

export type Quantization = (typeof QUANTIZATIONS)[number];

/** Weights [out, in] by their Hugging Face names. */
export type QuantizedWeights = ReadonlyMap<string, QuantizedMatrix>;

/** What was read of a model. Where nothing is quantized, all is in `weights`. */
export interface ReadWeights {
  readonly weights: ReadonlyMap<string, FloatTensor>;
  readonly quantized?: QuantizedWeights;
}

/**
 * Reads a model's weights, its linears quantized if asked for; of those the floats are not kept.
 * @param names of all weights. @param place named in errors.
 * @throws ModelError as `WeightSource.read`, and for `keep` where no block can be kept.
 */
export async function readWeights(
  source: WeightSource,
  config: ModelConfig,
  names: Iterable<string>,
  quantization: Quantization | undefined,
  place: string,
): Promise<ReadWeights> {
  const weights = new Map<string, FloatTensor>();
  const quantized = new Map<string, QuantizedMatrix>();
  const matrices = new Set(linearModules(config).map(({ module }) => `${module}.weight`));
  const head = headName(config);
  matrices.add(head);
  for (const name of names) {
    const kept = quantization === "keep" && matrices.has(name) ? await source.blocks?.(name) : undefined;
    if (kept) quantized.set(name, kept);
    // Embeddings are looked up, and only floats can be.
    if (kept && name !== EMBEDDINGS) continue;
    const tensor = await source.read(name);
    const rounded = quantization !== undefined && quantization !== "keep" && matrices.has(name);
    if (rounded) quantized.set(name, quantizeTensor(tensor, name === head ? "int8" : quantization));
    if (!rounded || name === EMBEDDINGS) weights.set(name, tensor);
  }
  if (quantization === undefined) return { weights };
  if (quantized.size === 0) {
    throw new ModelError(
      `${place} has no linear in blocks that can be kept (${keptFormats.join(", ")} of a GGUF file); quantize it to int8 or int4`,
    );
  }
  return { weights, quantized };
}

/** A weight [out, in] as integers. */
function quantizeTensor({ shape, data }: FloatTensor, quantization: "int8" | "int4"): QuantizedMatrix {
  return quantizeMatrix(data, shape[0]!, shape[1]!, quantization === "int8" ? 8 : 4);
}
