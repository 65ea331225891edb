import { z } from "zod";
import { ModelError } from "../../core/errors.js";
import type { Family, ModelConfig } from "./family.js";

const size = (max: number) => z.int().min(1).max(max);
const tokenId = z.int().min(0);
const positive = z.number().positive();

/** `rope_scaling` of transformers 4, or `rope_parameters` of transformers 5, which holds the base too. */
const ropeSchema = z.looseObject({
  rope_type: z.string().nullish(),
  type: z.string().nullish(),
  rope_theta: positive.nullish(),
  partial_rotary_factor: z.number().nullish(),
});

/** Bounds that no real model reaches; they keep every product of two sizes far below 2^53. */
const schema = z.looseObject({
  vocab_size: size(1 << 24),
  hidden_size: size(1 << 18),
  intermediate_size: size(1 << 20),
  num_hidden_layers: size(4096),
  num_attention_heads: size(4096),
  num_key_value_heads: size(4096).nullish(),
  head_dim: size(1 << 14).nullish(),
  hidden_act: z.string().default("silu"),
  max_position_embeddings: size(1 << 28).default(2048),
  rms_norm_eps: positive.max(1).default(1e-6),
  tie_word_embeddings: z.boolean().default(false),
  rope_theta: positive.nullish(),
  rope_scaling: ropeSchema.nullish(),
  rope_parameters: ropeSchema.nullish(),
  partial_rotary_factor: z.number().nullish(),
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  quantization_config: z.unknown().optional(),
  bos_token_id: tokenId.nullable().default(1),
  eos_token_id: z
    .union([tokenId, z.array(tokenId).max(1024)])
    .nullable()
    .default(2),
  pad_token_id: z.int().nullish(),
});
type LlamaJson = z.infer<typeof schema>;

function parse(json: unknown, file: string): ModelConfig {
  const result = schema.safeParse(json);
  if (!result.success) {
    const issue = result.error.issues[0];
    const field = issue?.path.join(".") || "the file";
    throw new ModelError(`${file}: ${field} is missing or malformed (${issue?.message ?? "not an object"})`);
  }
  const data = result.data;
  refuseUnsupported(data, file);
  const rope = data.rope_parameters ?? data.rope_scaling;
  const config: ModelConfig = {
    vocabSize: data.vocab_size,
    hiddenSize: data.hidden_size,
    intermediateSize: data.intermediate_size,
    layers: data.num_hidden_layers,
    heads: data.num_attention_heads,
    kvHeads: data.num_key_value_heads ?? data.num_attention_heads,
    headDim: data.head_dim ?? data.hidden_size / data.num_attention_heads,
    rmsNormEps: data.rms_norm_eps,
    ropeTheta: rope?.rope_theta ?? data.rope_theta ?? 10_000,
    maxPositions: data.max_position_embeddings,
    tieWordEmbeddings: data.tie_word_embeddings,
    eosTokenIds: data.eos_token_id === null ? [] : [data.eos_token_id].flat(),
    ...(data.bos_token_id === null ? {} : { bosTokenId: data.bos_token_id }),
    // The first Llama files say -1 for "no padding token".
    ...(data.pad_token_id == null || data.pad_token_id < 0 ? {} : { padTokenId: data.pad_token_id }),
  };
  checkConsistency(config, file);
  return config;
}

function refuseUnsupported(data: LlamaJson, file: string): void {
  const refuse = (what: string, supported: string): never => {
    throw new ModelError(`${file}: ${what} is not supported; supported is ${supported}`);
  };
  if (data.hidden_act !== "silu" && data.hidden_act !== "swish") {
    refuse(`hidden_act "${data.hidden_act}"`, `"silu"`);
  }
  if (data.attention_bias === true) refuse("attention_bias true", "false");
  if (data.mlp_bias === true) refuse("mlp_bias true", "false");
  if (data.quantization_config != null) refuse("quantization_config", "weights in F32, F16 or BF16");
  for (const field of ["rope_scaling", "rope_parameters"] as const) {
    const type = data[field]?.rope_type ?? data[field]?.type ?? "default";
    if (type !== "default") refuse(`${field} of type "${type}"`, `type "default" or none`);
  }
  const partial = data.rope_parameters?.partial_rotary_factor ?? data.partial_rotary_factor ?? 1;
  if (partial !== 1) refuse(`partial_rotary_factor ${partial}`, "1");
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

function toHuggingFace(config: ModelConfig): Record<string, unknown> {
  const eos = config.eosTokenIds;
  return {
    architectures: ["LlamaForCausalLM"],
    attention_bias: false,
    attention_dropout: 0,
    bos_token_id: config.bosTokenId ?? null,
    eos_token_id: eos.length === 0 ? null : eos.length === 1 ? eos[0] : [...eos],
    head_dim: config.headDim,
    hidden_act: "silu",
    hidden_size: config.hiddenSize,
    initializer_range: 0.02,
    intermediate_size: config.intermediateSize,
    max_position_embeddings: config.maxPositions,
    mlp_bias: false,
    model_type: "llama",
    num_attention_heads: config.heads,
    num_hidden_layers: config.layers,
    num_key_value_heads: config.kvHeads,
    pad_token_id: config.padTokenId ?? null,
    pretraining_tp: 1,
    rms_norm_eps: config.rmsNormEps,
    // Both spellings: transformers 4 reads `rope_theta`, transformers 5 prefers `rope_parameters`.
    rope_parameters: { rope_theta: config.ropeTheta, rope_type: "default" },
    rope_scaling: null,
    rope_theta: config.ropeTheta,
    tie_word_embeddings: config.tieWordEmbeddings,
    torch_dtype: "float32",
    use_cache: true,
    vocab_size: config.vocabSize,
  };
}

function tensorShapes(config: ModelConfig): ReadonlyMap<string, readonly number[]> {
  const { hiddenSize, intermediateSize, vocabSize } = config;
  const queryWidth = config.heads * config.headDim;
  const keyWidth = config.kvHeads * config.headDim;
  const shapes = new Map<string, readonly number[]>([["model.embed_tokens.weight", [vocabSize, hiddenSize]]]);
  for (let layer = 0; layer < config.layers; layer++) {
    const prefix = `model.layers.${layer}`;
    shapes.set(`${prefix}.input_layernorm.weight`, [hiddenSize]);
    shapes.set(`${prefix}.self_attn.q_proj.weight`, [queryWidth, hiddenSize]);
    shapes.set(`${prefix}.self_attn.k_proj.weight`, [keyWidth, hiddenSize]);
    shapes.set(`${prefix}.self_attn.v_proj.weight`, [keyWidth, hiddenSize]);
    shapes.set(`${prefix}.self_attn.o_proj.weight`, [hiddenSize, queryWidth]);
    shapes.set(`${prefix}.post_attention_layernorm.weight`, [hiddenSize]);
    shapes.set(`${prefix}.mlp.gate_proj.weight`, [intermediateSize, hiddenSize]);
    shapes.set(`${prefix}.mlp.up_proj.weight`, [intermediateSize, hiddenSize]);
    shapes.set(`${prefix}.mlp.down_proj.weight`, [hiddenSize, intermediateSize]);
  }
  shapes.set("model.norm.weight", [hiddenSize]);
  if (!config.tieWordEmbeddings) shapes.set("lm_head.weight", [vocabSize, hiddenSize]);
  return shapes;
}

/** Llama: RMSNorm, rotary positions, grouped-query attention, SwiGLU; tied or untied head; no biases. */
export const llama: Family = { modelType: "llama", parse, toHuggingFace, tensorShapes };
