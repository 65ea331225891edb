import { refuseBiases } from "./biases.js";
import type { Family } from "./family.js";
import { slidingLayers, whereItHides } from "./sliding.js";

/** Mistral: Llama with a sliding window in every layer, in the first of them (v0.1), and none in the later ones. */
export const mistral: Family = {
  modelType: "mistral",
  architecture: "MistralForCausalLM",
  defaults: {
    max_position_embeddings: 131_072,
    rms_norm_eps: 1e-6,
    num_key_value_heads: 8,
    tie_word_embeddings: false,
    bos_token_id: 1,
    eos_token_id: 2,
    sliding_window: 4096,
  },
  switches: (json, file) => {
    refuseBiases(json, file);
    const all = { ...json, layer_types: null };
    return whereItHides(json.sliding_window == null ? undefined : slidingLayers(all, () => true, file), json);
  },
  fields: ({ sliding }) => ({ sliding_window: sliding?.window ?? null }),
};
