"""Golden files for the architectures that GGUF files have, by llama.cpp itself.

    pip install gguf numpy llama-cpp-python
    python scripts/golden/gguf_families.py

Writes src/transformer/testdata/gguf/<architecture>.gguf, tiny random models with the metadata and the tensor names that
llama.cpp's converter writes, and families.json: for each, rows of token ids and the logits that llama.cpp computes of them at
every position.
"""

import json
from pathlib import Path

import gguf
import numpy as np
from llama_cpp import Llama

OUT = Path(__file__).resolve().parents[2] / "src" / "transformer" / "testdata" / "gguf"
VOCAB, HIDDEN, INNER, HEADS, KV_HEADS = 48, 32, 32, 4, 2
# llama.cpp has none that is shorter.
CONTEXT = 256
ROWS = [[1, 17, 42, 5], [1, 5, 9, 33, 40, 8, 21, 3, 46, 44, 4, 4, 19, 30, 41, 7, 12, 45, 26, 11, 38, 6]]
# Phi-3's frequencies are others beyond this; the rows and the context are within it.
ORIGINAL = 256


def block_tensors(rng, arch, layer, head_dim):
    def linear(out, width):
        return rng.normal(0, 1.2 / np.sqrt(width), (out, width))

    def norm(width):
        return rng.normal(1, 0.2, width)

    queries, keys = HEADS * head_dim, KV_HEADS * head_dim
    tensors = {"attn_norm.weight": norm(HIDDEN), "ffn_norm.weight": norm(HIDDEN)}
    if arch == "phi3":
        tensors["attn_qkv.weight"] = linear(queries + 2 * keys, HIDDEN)
        tensors["ffn_up.weight"] = linear(2 * INNER, HIDDEN)
    else:
        tensors |= {
            "attn_q.weight": linear(queries, HIDDEN),
            "attn_k.weight": linear(keys, HIDDEN),
            "attn_v.weight": linear(keys, HIDDEN),
            "ffn_gate.weight": linear(INNER, HIDDEN),
            "ffn_up.weight": linear(INNER, HIDDEN),
        }
    tensors |= {"attn_output.weight": linear(HIDDEN, queries), "ffn_down.weight": linear(HIDDEN, INNER)}
    if arch == "qwen2":
        for part, rows in (("q", queries), ("k", keys), ("v", keys)):
            tensors[f"attn_{part}.bias"] = rng.normal(0, 0.3, rows)
    if arch in ("qwen3", "gemma3"):
        tensors |= {"attn_q_norm.weight": norm(head_dim), "attn_k_norm.weight": norm(head_dim)}
    if arch == "gemma3":
        tensors |= {"post_attention_norm.weight": norm(HIDDEN), "post_ffw_norm.weight": norm(HIDDEN)}
    return {f"blk.{layer}.{name}": values for name, values in tensors.items()}


def write(arch, seed, *, layers=2, head_dim=8, tied, theta):
    rng = np.random.default_rng(seed)
    path = OUT / f"{arch}.gguf"
    writer = gguf.GGUFWriter(path, arch)
    # llama.cpp looks for tokens of a model whose name it knows.
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(theta)
    writer.add_vocab_size(VOCAB)
    if head_dim != HIDDEN // HEADS:
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    tensors = {"token_embd.weight": rng.normal(0, 0.5, (VOCAB, HIDDEN)), "output_norm.weight": rng.normal(1, 0.2, HIDDEN)}
    if arch == "gemma3":
        # Shorter than the long row; every sixth layer sees all.
        writer.add_sliding_window(6)
    if arch == "phi3":
        writer.add_rope_dimension_count(head_dim)
        writer.add_rope_scaling_orig_ctx_len(ORIGINAL)
        writer.add_rope_scaling_attn_factors(1.19)
        tensors["rope_factors_short.weight"] = 1 + 0.25 * np.arange(head_dim // 2)
        tensors["rope_factors_long.weight"] = 1.5 + 0.75 * np.arange(head_dim // 2)
    if not tied:
        tensors["output.weight"] = rng.normal(0, 1, (VOCAB, HIDDEN))
    for layer in range(layers):
        tensors |= block_tensors(rng, arch, layer, head_dim)
    tokens = ["<unk>", "<s>", "</s>"] + [chr(ord("A") + i) for i in range(VOCAB - 3)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * 3 + [1] * (VOCAB - 3))
    writer.add_token_merges(["A B"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    for name, values in tensors.items():
        writer.add_tensor(name, values.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def logits(path):
    # Keys and values in float32 (0): halves, the default, cost the third decimal.
    model = Llama(str(path), n_ctx=CONTEXT, n_threads=1, n_threads_batch=1, logits_all=True, type_k=0, type_v=0, verbose=False)
    found = []
    for row in ROWS:
        model.reset()
        model.eval(row)
        values = np.asarray(model.scores[: len(row)], dtype=np.float32)
        found.append([[float(f"{value:.7g}") for value in position] for position in values])
    return found


def main():
    paths = {
        "qwen2": write("qwen2", 1, tied=True, theta=1_000_000.0),
        "qwen3": write("qwen3", 2, head_dim=16, tied=True, theta=10_000.0),
        "phi3": write("phi3", 3, tied=False, theta=10_000.0),
        "gemma3": write("gemma3", 4, layers=6, head_dim=16, tied=True, theta=1_000_000.0),
    }
    golden = {arch: {"rows": ROWS, "logits": logits(path)} for arch, path in paths.items()}
    (OUT / "families.json").write_text(json.dumps(golden) + "\n", encoding="utf-8")


main()
