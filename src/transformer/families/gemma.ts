import { attentionBiases, refuseBiases } from "./biases.js";
import { refuse } from "./config-json.js";
import type { Family } from "./family.js";

/** Gemma, the first: Llama with scaled embeddings, norms around one, and GELU's approximation by tanh. */
export const gemma: Family = {
  modelType: "gemma",
  architecture: "GemmaForCausalLM",
  defaults: {
    vocab_size: 256_000,
    num_attention_heads: 16,
    num_key_value_heads: 16,
    head_dim: 256,
    hidden_act: "gelu_pytorch_tanh",
    max_position_embeddings: 8192,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: true,
    bos_token_id: 2,
    eos_token_id: 1,
    pad_token_id: 0,
  },
  switches: (json, file) => {
    refuseBiases(json, file, ["mlp_bias"]);
    if (json.use_bidirectional_attention === true) refuse(file, "use_bidirectional_attention true", "false");
    const act = json.hidden_activation ?? json.hidden_act;
    // The first files say "gelu" and mean the approximation, as transformers knows too.
    if (act !== "gelu" && act !== "gelu_pytorch_tanh")
      refuse(file, `hidden_act ${JSON.stringify(act)}`, '"gelu" and "gelu_pytorch_tanh"');
    const biases = attentionBiases(json);
    return {
      activation: "gelu-tanh",
      normsAroundOne: true,
      embeddingScale: Math.sqrt(json.hidden_size),
      ...(biases.length > 0 && { biases }),
    };
  },
  fields: ({ biases }) => ({ attention_bias: biases?.includes("q_proj") === true }),
};
