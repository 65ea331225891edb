import { refuseBiases } from "./biases.js";
import type { Family } from "./family.js";
import { slidingLayers, whereItHides } from "./sliding.js";

/** Phi-3, Phi-3.5 and Phi-4-mini: Llama with fused linears, often with LongRoPE and a sliding window in every layer. */
export const phi3: Family = {
  modelType: "phi3",
  architecture: "Phi3ForCausalLM",
  defaults: {
    max_position_embeddings: 4096,
    original_max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
    bos_token_id: 1,
    eos_token_id: 32_000,
    pad_token_id: 32_000,
  },
  switches: (json, file) => {
    refuseBiases(json, file);
    const all = { ...json, layer_types: null };
    const sliding = json.sliding_window == null ? undefined : slidingLayers(all, () => true, file);
    return { fusedLinears: true, ...whereItHides(sliding, json) };
  },
  fields: ({ sliding, ropeScaling, maxPositions }) => ({
    sliding_window: sliding?.window ?? null,
    original_max_position_embeddings:
      ropeScaling?.kind === "longrope" ? ropeScaling.originalMaxPositions : maxPositions,
    embd_pdrop: 0,
    resid_pdrop: 0,
  }),
};
