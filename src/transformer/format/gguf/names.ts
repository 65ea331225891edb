/** What each weight is called in GGUF files, and what was done to it when it was written there. */

/** The architectures (`general.architecture`) that are read, with the `model_type` of each in Hugging Face files. */
export const architectures: Readonly<Record<string, string>> = {
  llama: "llama",
  qwen2: "qwen2",
  qwen3: "qwen3",
  phi3: "phi3",
  gemma3: "gemma3_text",
};

const WHOLE: Readonly<Record<string, string>> = {
  "model.embed_tokens": "token_embd",
  "model.norm": "output_norm",
  lm_head: "output",
};

const IN_LAYER: Readonly<Record<string, string>> = {
  input_layernorm: "attn_norm",
  post_attention_layernorm: "ffn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.qkv_proj": "attn_qkv",
  "self_attn.o_proj": "attn_output",
  "self_attn.q_norm": "attn_q_norm",
  "self_attn.k_norm": "attn_k_norm",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.gate_up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};

/** Gemma 3 has a norm behind the attention, and another before the feed-forward part. */
const IN_GEMMA_LAYER: Readonly<Record<string, string>> = {
  ...IN_LAYER,
  post_attention_layernorm: "post_attention_norm",
  pre_feedforward_layernorm: "ffn_norm",
  post_feedforward_layernorm: "post_ffw_norm",
};

/** The GGUF name of a weight by its Hugging Face name; undefined where there is none. */
export function ggufName(architecture: string, name: string): string | undefined {
  const dot = name.lastIndexOf(".");
  const [module, kind] = [name.slice(0, dot), name.slice(dot + 1)];
  const layer = /^model\.layers\.(\d+)\.(.+)$/.exec(module);
  const inLayer = architecture === "gemma3" ? IN_GEMMA_LAYER : IN_LAYER;
  const known = layer === null ? WHOLE[module] : inLayer[layer[2]!];
  if (known === undefined) return undefined;
  return layer === null ? `${known}.${kind}` : `blk.${layer[1]}.${known}.${kind}`;
}

/** How a tensor of the file becomes the weight of that Hugging Face name. */
export interface Change {
  /** Its rows lie in pairs (i, i + d/2) of each of so many heads' d rows: llama.cpp rotates neighbours, not halves. */
  readonly pairedHeads?: number;
  /** Subtracted from each element: Gemma's norms are written as 1 + w. */
  readonly minus?: number;
}

/** What has to be undone. */
export function changeOf(
  architecture: string,
  name: string,
  heads: { readonly heads: number; readonly kvHeads: number },
): Change {
  if (architecture === "llama" && name.includes(".self_attn.q_proj.")) return { pairedHeads: heads.heads };
  if (architecture === "llama" && name.includes(".self_attn.k_proj.")) return { pairedHeads: heads.kvHeads };
  if (architecture === "gemma3" && /norm\.weight$/.test(name)) return { minus: 1 };
  return {};
}
