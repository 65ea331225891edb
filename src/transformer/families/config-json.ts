import { z } from "zod";
import { ModelError } from "../../core/errors.js";
import { ropeSchema } from "./rope-json.js";

const size = (max: number) => z.int().min(1).max(max);
const tokenId = z.int().min(0);
const positive = z.number().positive();

/** What every family reads of a config.json; each family's defaults are put in before. Bounds that no real model reaches
 * keep every product of two sizes far below 2^53. */
export const configSchema = z.looseObject({
  vocab_size: size(1 << 24),
  hidden_size: size(1 << 18),
  intermediate_size: size(1 << 20),
  num_hidden_layers: size(4096),
  num_attention_heads: size(4096),
  num_key_value_heads: size(4096).nullish(),
  head_dim: size(1 << 14).nullish(),
  hidden_act: z.string().nullish(),
  hidden_activation: z.string().nullish(),
  max_position_embeddings: size(1 << 28),
  original_max_position_embeddings: size(1 << 28).nullish(),
  rms_norm_eps: positive.max(1),
  tie_word_embeddings: z.boolean(),
  rope_theta: positive.nullish(),
  rope_local_base_freq: positive.nullish(),
  rope_scaling: ropeSchema.nullish(),
  rope_parameters: ropeSchema.nullish(),
  partial_rotary_factor: z.number().nullish(),
  attention_bias: z.boolean().nullish(),
  mlp_bias: z.boolean().nullish(),
  sliding_window: size(1 << 28).nullish(),
  sliding_window_pattern: size(4096).nullish(),
  use_sliding_window: z.boolean().nullish(),
  max_window_layers: z.int().min(0).nullish(),
  layer_types: z.array(z.string()).max(4096).nullish(),
  query_pre_attn_scalar: positive.nullish(),
  attn_logit_softcapping: z.number().nullish(),
  final_logit_softcapping: z.number().nullish(),
  use_bidirectional_attention: z.boolean().nullish(),
  quantization_config: z.unknown().optional(),
  bos_token_id: tokenId.nullish(),
  eos_token_id: z.union([tokenId, z.array(tokenId).max(1024)]).nullish(),
  pad_token_id: z.int().nullish(),
});

/** A config.json with the fields that the families know, checked one by one. */
export type DecoderJson = z.infer<typeof configSchema>;

/** Refuses what is not supported, by name. @throws ModelError always. */
export function refuse(file: string, what: string, supported: string): never {
  throw new ModelError(`${file}: ${what} is not supported; supported is ${supported}`);
}
