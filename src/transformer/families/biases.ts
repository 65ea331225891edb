import { refuse, type DecoderJson } from "./config-json.js";

/** The linears of attention that have a bias where `attention_bias` is on. */
export function attentionBiases(json: DecoderJson): readonly string[] {
  return json.attention_bias === true ? ["q_proj", "k_proj", "v_proj", "o_proj"] : [];
}

/** The linears of the feed-forward part that have a bias where `mlp_bias` is on. */
export function feedForwardBiases(json: DecoderJson): readonly string[] {
  return json.mlp_bias === true ? ["gate_proj", "up_proj", "down_proj"] : [];
}

/** Refuses the biases that a family does not have. @throws ModelError where a field asks for them. */
export function refuseBiases(
  json: DecoderJson,
  file: string,
  fields: readonly ("attention_bias" | "mlp_bias")[] = ["attention_bias", "mlp_bias"],
): void {
  for (const field of fields) if (json[field] === true) refuse(file, `${field} true`, "false");
}
