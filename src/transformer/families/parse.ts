import { ModelError } from "../../core/errors.js";
import { configSchema, refuse, type DecoderJson } from "./config-json.js";
import type { Family } from "./family.js";
import type { ModelConfig } from "./model-config.js";
import { parseRope, ropeFields } from "./rope-json.js";

const ACTIVATIONS: Readonly<Record<string, Pick<ModelConfig, "activation">>> = {
  silu: {},
  swish: {},
  gelu_pytorch_tanh: { activation: "gelu-tanh" },
};

/**
 * Validates a config.json of a family.
 * @param file named in the errors.
 * @throws ModelError naming the first field that is missing, malformed, contradictory or of an unsupported kind.
 */
export function parseDecoder(family: Family, json: unknown, file: string): ModelConfig {
  const result = configSchema.safeParse({ ...family.defaults, ...(json as object) });
  if (!result.success) {
    const issue = result.error.issues[0];
    const field = issue?.path.join(".") || "the file";
    throw new ModelError(`${file}: ${field} is missing or malformed (${issue?.message ?? "not an object"})`);
  }
  const data = result.data;
  if (data.quantization_config != null) {
    refuse(file, "quantization_config", "weights in F32, F16 or BF16");
  }
  const headDim = data.head_dim ?? data.hidden_size / data.num_attention_heads;
  const switches = family.switches(data, file);
  const config: ModelConfig = {
    vocabSize: data.vocab_size,
    hiddenSize: data.hidden_size,
    intermediateSize: data.intermediate_size,
    layers: data.num_hidden_layers,
    heads: data.num_attention_heads,
    kvHeads: data.num_key_value_heads ?? data.num_attention_heads,
    headDim,
    rmsNormEps: data.rms_norm_eps,
    maxPositions: data.max_position_embeddings,
    tieWordEmbeddings: data.tie_word_embeddings,
    eosTokenIds: data.eos_token_id == null ? [] : [data.eos_token_id].flat(),
    ...(data.bos_token_id == null ? {} : { bosTokenId: data.bos_token_id }),
    // The first Llama files say -1 for "no padding token".
    ...(data.pad_token_id == null || data.pad_token_id < 0 ? {} : { padTokenId: data.pad_token_id }),
    ...(family.modelType === "llama" ? {} : { family: family.modelType }),
    ...parseRope(data, headDim, file),
    // A family may read the activation in its own way.
    ...(switches.activation === undefined && activation(data, file)),
    ...switches,
  };
  checkConsistency(config, file);
  return config;
}

function activation(data: DecoderJson, file: string): Pick<ModelConfig, "activation"> {
  const field = data.hidden_activation == null ? "hidden_act" : "hidden_activation";
  const name = data[field] ?? "silu";
  const known = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  return known ?? refuse(file, `${field} "${name}"`, `"silu" and "gelu_pytorch_tanh"`);
}

function checkConsistency(config: ModelConfig, file: string): void {
  const { heads, kvHeads, headDim, vocabSize } = config;
  if (heads % kvHeads !== 0) {
    throw new ModelError(
      `${file}: num_key_value_heads ${kvHeads} does not divide num_attention_heads ${heads}`,
    );
  }
  if (!Number.isInteger(headDim) || headDim % 2 !== 0) {
    throw new ModelError(`${file}: the width of a head must be an even integer, not ${headDim} (head_dim)`);
  }
  const special: readonly (readonly [string, number | undefined])[] = [
    ["bos_token_id", config.bosTokenId],
    ["pad_token_id", config.padTokenId],
    ...config.eosTokenIds.map((id) => ["eos_token_id", id] as const),
  ];
  for (const [name, id] of special) {
    if (id !== undefined && id >= vocabSize) {
      throw new ModelError(`${file}: ${name} ${id} is not below vocab_size ${vocabSize}`);
    }
  }
}

/** The config.json with which Python's transformers loads the model, in float32. */
export function decoderFields(family: Family, config: ModelConfig): Record<string, unknown> {
  const eos = config.eosTokenIds;
  return {
    architectures: [family.architecture],
    attention_dropout: 0,
    bos_token_id: config.bosTokenId ?? null,
    eos_token_id: eos.length === 0 ? null : eos.length === 1 ? eos[0] : [...eos],
    head_dim: config.headDim,
    hidden_act: config.activation === "gelu-tanh" ? "gelu_pytorch_tanh" : "silu",
    hidden_size: config.hiddenSize,
    initializer_range: 0.02,
    intermediate_size: config.intermediateSize,
    max_position_embeddings: config.maxPositions,
    model_type: family.modelType,
    num_attention_heads: config.heads,
    num_hidden_layers: config.layers,
    num_key_value_heads: config.kvHeads,
    pad_token_id: config.padTokenId ?? null,
    rms_norm_eps: config.rmsNormEps,
    ...ropeFields(config),
    tie_word_embeddings: config.tieWordEmbeddings,
    torch_dtype: "float32",
    use_cache: true,
    vocab_size: config.vocabSize,
    ...family.fields(config),
  };
}
