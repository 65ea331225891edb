import { refuseBiases } from "./biases.js";
import type { DecoderJson } from "./config-json.js";
import type { Family } from "./family.js";
import type { ModelConfig } from "./model-config.js";
import { layerTypes, slidingLayers, whereItHides } from "./sliding.js";

/** Qwen's sliding layers: off unless `use_sliding_window`, then from `max_window_layers` on. */
export function qwenSliding(json: DecoderJson, file: string): Pick<ModelConfig, "sliding"> {
  const on = json.use_sliding_window === true && json.sliding_window != null;
  const first = json.max_window_layers ?? 0;
  return whereItHides(on ? slidingLayers(json, (layer) => layer >= first, file) : undefined, json);
}

/** The fields of Qwen's sliding layers. */
export function qwenSlidingFields(config: ModelConfig): Record<string, unknown> {
  const { sliding, layers } = config;
  return {
    use_sliding_window: sliding !== undefined,
    sliding_window: sliding?.window ?? null,
    max_window_layers: sliding?.layers[0] ?? layers,
    layer_types: layerTypes(config),
  };
}

/** Qwen2 and Qwen2.5: Llama with biases on queries, keys and values. */
export const qwen2: Family = {
  modelType: "qwen2",
  architecture: "Qwen2ForCausalLM",
  defaults: {
    max_position_embeddings: 32_768,
    rms_norm_eps: 1e-6,
    num_key_value_heads: 32,
    tie_word_embeddings: false,
    use_sliding_window: false,
    sliding_window: 4096,
    max_window_layers: 28,
  },
  switches: (json, file) => {
    refuseBiases(json, file, ["mlp_bias"]);
    return { biases: ["q_proj", "k_proj", "v_proj"], ...qwenSliding(json, file) };
  },
  fields: qwenSlidingFields,
};
