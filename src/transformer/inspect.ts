import { loadConfig, parseConfig, tensorShapes, type ModelConfig } from "./families/config.js";
import { architectureOf, huggingFaceConfig } from "./format/gguf/config.js";
import { isGguf, readGgufHeader } from "./format/gguf/header.js";
import { memoryNeed, type MemoryNeed } from "./memory-need.js";
import { openGgufWeights } from "./format/gguf/weights.js";
import { bytesOfFullTraining } from "./train/pass-memory.js";
import { ggufTokenizer, loadTokenizer } from "./text/tokenizer.js";
import { checkWeights, openWeights } from "./format/weights.js";

/** What a model is, from its headers alone. */
export interface Inspection {
  /** Its folder or .gguf file. */
  readonly path: string;
  /** The `model_type` of its family. */
  readonly family: string;
  readonly parameters: number;
  readonly layers: number;
  readonly hiddenSize: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly vocabSize: number;
  /** Tokens. */
  readonly maxPositions: number;
  readonly chatTemplate: boolean;
  /** How many tensors there are of each format, such as F32 or Q4_K. */
  readonly formats: Readonly<Record<string, number>>;
  /** Of all tensors, as they are stored. */
  readonly bytes: number;
  readonly need: MemoryNeed;
  /** Bytes of memory that training every weight takes beside the model, nearly. */
  readonly fullTraining: number;
}

/**
 * Looks into a model without reading its weights.
 * @param path a folder of Hugging Face layout, or a .gguf file.
 * @throws ModelError when a file is missing, malformed or of an unsupported kind.
 */
export async function inspectModel(path: string): Promise<Inspection> {
  if (isGguf(path)) {
    const header = await readGgufHeader(path);
    const config = parseConfig(await huggingFaceConfig(header), path);
    const { chatTemplate } = ggufTokenizer(header);
    const source = await openGgufWeights(header, architectureOf(header), config);
    try {
      // Of all tensors, those that the model does not use included.
      const stored = [...header.tensors.values()].map(({ format, bytes }) => ({
        format: format.name,
        bytes,
      }));
      const need = memoryNeed(source, config, tensorShapes(config));
      return { ...inspection(path, config, chatTemplate, stored), need };
    } finally {
      await source.close();
    }
  }
  const config = await loadConfig(path);
  const source = await openWeights(path);
  try {
    checkWeights(source, tensorShapes(config), path);
    const { chatTemplate } = await loadTokenizer(path);
    const stored = source.names().map((name) => source.stored(name));
    const need = memoryNeed(source, config, tensorShapes(config));
    return { ...inspection(path, config, chatTemplate, stored), need };
  } finally {
    await source.close();
  }
}

function inspection(
  path: string,
  config: ModelConfig,
  chatTemplate: string | undefined,
  stored: readonly { readonly format: string; readonly bytes: number }[],
): Omit<Inspection, "need"> {
  const formats: Record<string, number> = {};
  for (const { format } of stored) formats[format] = (formats[format] ?? 0) + 1;
  const { layers, hiddenSize, heads, kvHeads, vocabSize, maxPositions } = config;
  const parameters = [...tensorShapes(config).values()].reduce(
    (sum, shape) => sum + shape.reduce((product, size) => product * size, 1),
    0,
  );
  return {
    path,
    family: config.family ?? "llama",
    parameters,
    layers,
    hiddenSize,
    heads,
    kvHeads,
    vocabSize,
    maxPositions,
    chatTemplate: chatTemplate !== undefined,
    formats,
    bytes: stored.reduce((sum, { bytes }) => sum + bytes, 0),
    fullTraining: bytesOfFullTraining(config),
  };
}
