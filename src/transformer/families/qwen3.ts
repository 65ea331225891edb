import { attentionBiases, refuseBiases } from "./biases.js";
import type { Family } from "./family.js";
import { qwenSliding, qwenSlidingFields } from "./qwen2.js";

/** Qwen3: Llama with normalized queries and keys; the width of a head is given apart from the model's. */
export const qwen3: Family = {
  modelType: "qwen3",
  architecture: "Qwen3ForCausalLM",
  defaults: {
    max_position_embeddings: 32_768,
    rms_norm_eps: 1e-6,
    num_key_value_heads: 32,
    head_dim: 128,
    tie_word_embeddings: false,
    use_sliding_window: false,
    sliding_window: 4096,
    max_window_layers: 28,
  },
  switches: (json, file) => {
    refuseBiases(json, file, ["mlp_bias"]);
    const biases = attentionBiases(json);
    return { queryKeyNorm: true, ...(biases.length > 0 && { biases }), ...qwenSliding(json, file) };
  },
  fields: (config) => ({
    attention_bias: config.biases?.includes("q_proj") === true,
    ...qwenSlidingFields(config),
  }),
};
