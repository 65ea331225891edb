import { attentionBiases, feedForwardBiases } from "./biases.js";
import type { Family } from "./family.js";

/** Llama 2 and 3, SmolLM2 and many others: the decoder as it is without switches; biases where the file asks for them. */
export const llama: Family = {
  modelType: "llama",
  architecture: "LlamaForCausalLM",
  defaults: {
    hidden_act: "silu",
    max_position_embeddings: 2048,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: false,
    bos_token_id: 1,
    eos_token_id: 2,
  },
  switches: (json) => {
    const biases = [...attentionBiases(json), ...feedForwardBiases(json)];
    return biases.length > 0 ? { biases } : {};
  },
  fields: ({ biases = [] }) => ({
    attention_bias: biases.includes("q_proj"),
    mlp_bias: biases.includes("up_proj"),
    pretraining_tp: 1,
  }),
};
