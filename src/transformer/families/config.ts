import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { ModelError } from "../../core/errors.js";
import type { ModelConfig } from "./model-config.js";
import { decoderFields, parseDecoder } from "./parse.js";
import { familyNamed } from "./registry.js";
import { readJsonFile } from "../../core/json-file.js";

export { tensorShapes } from "./modules.js";

export type { ModelConfig } from "./model-config.js";

const MAX_BYTES = 10 << 20;

const generationSchema = z.looseObject({
  eos_token_id: z.union([z.int().min(0), z.array(z.int().min(0)).max(1024)]).nullish(),
});

const seeingSchema = z.looseObject({ text_config: z.record(z.string(), z.unknown()) });

/**
 * Validates a parsed config.json of Hugging Face layout. Both spellings of the rotary base are read: `rope_theta`
 * (transformers 4) and `rope_parameters.rope_theta` (transformers 5). Absent optional fields get the defaults of
 * Python's transformers.
 * @param file named in the errors.
 * @throws ModelError for an unsupported `model_type`, activation, bias or rotary scaling (by name, with what is
 * supported), and for missing, malformed or contradictory fields.
 */
export function parseConfig(json: unknown, file: string): ModelConfig {
  const family = familyNamed(modelTypeOf(json), file);
  return parseDecoder(family, family.modelType === modelTypeOf(json) ? json : textPart(json, file), file);
}

/**
 * Reads a model folder's config.json, and its generation_config.json when there is one, whose end tokens win as they
 * do in transformers. Sampling settings there are ignored: whetstone states its own.
 * @throws ModelError as `parseConfig`, or when a file is missing, larger than 10 MB or not JSON.
 */
export async function loadConfig(folder: string): Promise<ModelConfig> {
  const file = join(folder, "config.json");
  const config = parseConfig(await readJsonFile(file, MAX_BYTES), file);
  const generationFile = join(folder, "generation_config.json");
  if (!existsSync(generationFile)) return config;
  const eosTokenIds = parseGenerationConfig(await readJsonFile(generationFile, MAX_BYTES), generationFile);
  if (eosTokenIds === undefined) return config;
  const tooHigh = eosTokenIds.find((id) => id >= config.vocabSize);
  if (tooHigh !== undefined) {
    throw new ModelError(
      `${generationFile}: eos_token_id ${tooHigh} is not below vocab_size ${config.vocabSize}`,
    );
  }
  return { ...config, eosTokenIds };
}

/**
 * The end tokens of a parsed generation_config.json; `undefined` where it names none.
 * @throws ModelError when `eos_token_id` is neither a token id nor a list of them.
 */
function parseGenerationConfig(json: unknown, file: string): readonly number[] | undefined {
  const result = generationSchema.safeParse(json);
  if (!result.success) {
    throw new ModelError(
      `${file}: eos_token_id is malformed (${result.error.issues[0]?.message ?? "not an object"})`,
    );
  }
  const eos = result.data.eos_token_id;
  return eos == null ? undefined : [eos].flat();
}

/**
 * The config.json with which Python's transformers loads the model, in float32.
 * @throws ModelError for a configuration whose family is not supported.
 */
export function toHuggingFaceConfig(config: ModelConfig): Record<string, unknown> {
  const type = config.family ?? "llama";
  return decoderFields(familyNamed(type, "the configuration"), config);
}

function modelTypeOf(json: unknown): unknown {
  return (json as { model_type?: unknown } | null)?.model_type;
}

/** The `text_config` of a model that also sees; the frame tokens and the quantization stand beside it. */
function textPart(json: unknown, file: string): Record<string, unknown> {
  const result = seeingSchema.safeParse(json);
  if (!result.success) throw new ModelError(`${file}: text_config is missing or malformed`);
  const { text_config: text, ...outer } = result.data;
  const shared = ["bos_token_id", "eos_token_id", "pad_token_id", "quantization_config"];
  const beside = Object.entries(outer).filter(([field, value]) => shared.includes(field) && value != null);
  return { ...text, ...Object.fromEntries(beside) };
}
