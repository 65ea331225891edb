import { ModelError } from "../../../core/errors.js";
import type { GgufHeader } from "./header.js";
import { metadataOf, type Metadata } from "./metadata.js";
import { architectures } from "./names.js";
import { readGgufTensor } from "./weights.js";

/** A tensor's values by name, where the file has it. */
type ReadTensor = (name: string) => Promise<Float32Array | undefined>;

/** Tokens that end a turn, under the names that chat models give them; a file may name only one of a model's two. */
const END_OF_TURN = ["<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>"];
/** ggml's kind of a token that is no text. */
const CONTROL = 3;

/** Whether a file is of a supported architecture. @throws ModelError that names it and those that are. */
export function architectureOf(header: GgufHeader): string {
  const architecture = metadataOf(header).text("general.architecture");
  if (architecture !== undefined && Object.hasOwn(architectures, architecture)) return architecture;
  const shown = architecture === undefined ? "without an architecture" : `of architecture "${architecture}"`;
  throw new ModelError(
    `${header.path}: a GGUF file ${shown} is not supported; supported are ${Object.keys(architectures).join(", ")}`,
  );
}

/**
 * The config.json that a GGUF file's metadata and tensors amount to, to be validated as one.
 * @throws ModelError when an entry is of the wrong kind, or the rotary frequencies are of none that can be said there.
 */
export async function huggingFaceConfig(header: GgufHeader): Promise<Record<string, unknown>> {
  const metadata = metadataOf(header);
  const architecture = architectureOf(header);
  const of = (key: string): number | undefined => metadata.number(`${architecture}.${key}`);
  // A head may be padded beyond the tokens, and older files do not count them otherwise.
  const vocabulary = header.tensors.get("token_embd.weight")?.shape[0] ?? of("vocab_size");
  const hidden = of("embedding_length");
  const heads = of("attention.head_count");
  const headDim = of("attention.key_length") ?? (hidden !== undefined && heads ? hidden / heads : undefined);
  const read: ReadTensor = async (name) => (await readGgufTensor(header, name))?.data;
  return {
    model_type: architectures[architecture],
    vocab_size: vocabulary,
    hidden_size: hidden,
    intermediate_size: of("feed_forward_length"),
    num_hidden_layers: of("block_count"),
    num_attention_heads: heads,
    num_key_value_heads: of("attention.head_count_kv") ?? heads,
    head_dim: headDim,
    rms_norm_eps: of("attention.layer_norm_rms_epsilon"),
    max_position_embeddings: of("context_length"),
    tie_word_embeddings: !header.tensors.has("output.weight"),
    // Files made of a model whose window hides nothing leave it out.
    sliding_window: of("attention.sliding_window") ?? null,
    attention_bias: header.tensors.has("blk.0.attn_q.bias"),
    bos_token_id: metadata.number("tokenizer.ggml.bos_token_id") ?? null,
    eos_token_id: endTokens(metadata, vocabulary),
    pad_token_id: metadata.number("tokenizer.ggml.padding_token_id") ?? null,
    ...(architecture === "gemma3" && gemma3Fields(of, headDim, hidden, heads)),
    ...(await ropeFields(metadata, architecture, headDim, read)),
  };
}

function endTokens(metadata: Metadata, vocabulary = 0): number[] {
  const ids = ["eos", "eot", "eom"].map((kind) => metadata.number(`tokenizer.ggml.${kind}_token_id`));
  const tokens = metadata.texts("tokenizer.ggml.tokens");
  const kinds = metadata.numbers("tokenizer.ggml.token_type") ?? [];
  const named = END_OF_TURN.map((token) => tokens?.indexOf(token) ?? -1).filter(
    (id) => kinds[id] === CONTROL && id < vocabulary,
  );
  return [...new Set([...ids.filter((id) => id !== undefined), ...named])];
}

function gemma3Fields(
  of: (key: string) => number | undefined,
  headDim: number | undefined,
  hidden: number | undefined,
  heads: number | undefined,
): Record<string, unknown> {
  // The 27B model alone, of 62 layers, divides by the square root of its width per head.
  const scalar = of("block_count") === 62 && hidden !== undefined && heads ? hidden / heads : headDim;
  return { query_pre_attn_scalar: scalar, rope_local_base_freq: 10_000 };
}

async function ropeFields(
  metadata: Metadata,
  architecture: string,
  headDim: number | undefined,
  read: ReadTensor,
): Promise<Record<string, unknown>> {
  const of = (key: string): number | undefined => metadata.number(`${architecture}.rope.${key}`);
  const rotated = of("dimension_count");
  const theta = of("freq_base") ?? 10_000;
  const partial =
    rotated !== undefined && headDim && rotated < headDim ? { partial_rotary_factor: rotated / headDim } : {};
  const original = of("scaling.original_context_length");
  const [short, long, frequencies] = await Promise.all(
    ["rope_factors_short.weight", "rope_factors_long.weight", "rope_freqs.weight"].map(read),
  );
  const fields = { rope_theta: theta, ...partial };
  if (short !== undefined && long !== undefined) {
    const attentionFactor = of("scaling.attn_factor");
    return {
      ...fields,
      original_max_position_embeddings: original,
      rope_scaling: {
        rope_type: "longrope",
        short_factor: [...short],
        long_factor: [...long],
        ...(attentionFactor === undefined ? {} : { attention_factor: attentionFactor }),
      },
    };
  }
  if (frequencies !== undefined) {
    return { ...fields, rope_scaling: llama3Scaling(frequencies, theta, metadata.path) };
  }
  const type = metadata.text(`${architecture}.rope.scaling.type`) ?? "none";
  if (type === "none") return fields;
  return { ...fields, rope_scaling: { rope_type: type, factor: of("scaling.factor") } };
}

/** Llama 3.1's and 3.2's; the file has the divisors of the frequencies that they amount to. */
const LLAMA_3 = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };

function llama3Scaling(divisors: Float32Array, theta: number, path: string): Record<string, unknown> {
  const factor = divisors.reduce((most, value) => Math.max(most, value), 1);
  const {
    low_freq_factor: low,
    high_freq_factor: high,
    original_max_position_embeddings: original,
  } = LLAMA_3;
  divisors.forEach((divisor, i) => {
    const turns = original / (2 * Math.PI * theta ** (i / divisors.length));
    const smooth = (turns - low) / (high - low);
    const expected = turns < low ? factor : turns > high ? 1 : 1 / ((1 - smooth) / factor + smooth);
    if (Math.abs(divisor - expected) > 1e-3 * expected) {
      throw new ModelError(
        `${path}: its rotary frequencies (rope_freqs.weight) are not scaled as Llama 3.1's, and no other way is supported`,
      );
    }
  });
  return { rope_type: "llama3", factor, ...LLAMA_3 };
}
