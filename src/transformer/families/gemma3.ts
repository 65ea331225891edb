import { attentionBiases, refuseBiases } from "./biases.js";
import { refuse, type DecoderJson } from "./config-json.js";
import type { Family } from "./family.js";
import type { ModelConfig } from "./model-config.js";
import { parseRope, ropeFields } from "./rope-json.js";
import { layerTypes, slidingLayers } from "./sliding.js";

const GLOBAL_THETA = 1_000_000;
const LOCAL_THETA = 10_000;

/** Rotary positions of the global layers, and the base of the local ones, in either version's spelling. */
function ropeOf(json: DecoderJson, headDim: number, file: string) {
  const { full_attention: full, sliding_attention: local } = json.rope_parameters ?? {};
  const globalRope = parseRope(
    {
      ...json,
      rope_theta: json.rope_theta ?? GLOBAL_THETA,
      rope_parameters: full ?? (local ? null : json.rope_parameters),
    },
    headDim,
    file,
  );
  const localType = local?.rope_type ?? "default";
  if (localType !== "default") {
    refuse(file, `rope_parameters.sliding_attention of type "${localType}"`, `type "default"`);
  }
  return { globalRope, localTheta: local?.rope_theta ?? json.rope_local_base_freq ?? LOCAL_THETA };
}

function refuseUnsupported(json: DecoderJson, file: string): void {
  refuseBiases(json, file, ["mlp_bias"]);
  for (const field of ["attn_logit_softcapping", "final_logit_softcapping"] as const) {
    if (json[field] != null) refuse(file, `${field} ${json[field]}`, "none");
  }
  if (json.use_bidirectional_attention === true) refuse(file, "use_bidirectional_attention true", "false");
}

function fields(config: ModelConfig): Record<string, unknown> {
  const { biases, headDim, queryScalar, sliding } = config;
  const { rope_parameters: full, rope_scaling: scaling } = ropeFields(config);
  const localTheta = sliding?.ropeTheta ?? LOCAL_THETA;
  return {
    attention_bias: biases?.includes("q_proj") === true,
    attn_logit_softcapping: null,
    final_logit_softcapping: null,
    hidden_activation: config.activation === "gelu-tanh" ? "gelu_pytorch_tanh" : "silu",
    layer_types: layerTypes(config),
    query_pre_attn_scalar: queryScalar ?? headDim,
    rope_local_base_freq: localTheta,
    rope_parameters: {
      full_attention: full,
      sliding_attention: { rope_theta: localTheta, rope_type: "default" },
    },
    rope_scaling: scaling,
    sliding_window: sliding?.window ?? config.maxPositions,
  };
}

/** Gemma 3, its text models and the text part of the others: norms around one and behind each part, local and global layers, normalized queries and keys. */
export const gemma3: Family = {
  modelType: "gemma3_text",
  textOf: "gemma3",
  architecture: "Gemma3ForCausalLM",
  defaults: {
    vocab_size: 262_208,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    hidden_activation: "gelu_pytorch_tanh",
    max_position_embeddings: 131_072,
    query_pre_attn_scalar: 256,
    rms_norm_eps: 1e-6,
    sliding_window: 4096,
    sliding_window_pattern: 6,
    tie_word_embeddings: true,
    bos_token_id: 2,
    eos_token_id: 1,
    pad_token_id: 0,
  },
  switches: (json, file) => {
    refuseUnsupported(json, file);
    const pattern = json.sliding_window_pattern ?? 6;
    const sliding = slidingLayers(json, (layer) => (layer + 1) % pattern !== 0, file);
    const headDim = json.head_dim ?? json.hidden_size / json.num_attention_heads;
    const { globalRope, localTheta } = ropeOf(json, headDim, file);
    const biases = attentionBiases(json);
    return {
      ...globalRope,
      ...(sliding && { sliding: { ...sliding, ropeTheta: localTheta } }),
      ...(biases.length > 0 && { biases }),
      queryKeyNorm: true,
      normsAroundOne: true,
      sandwichNorms: true,
      embeddingScale: Math.sqrt(json.hidden_size),
      queryScalar: json.query_pre_attn_scalar ?? headDim,
    };
  },
  fields,
};
