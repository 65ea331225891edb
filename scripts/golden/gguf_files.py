"""Golden files for reading GGUF, by Python's gguf and transformers.

    pip install torch transformers gguf
    python scripts/golden/gguf_files.py

Writes src/transformer/testdata/gguf/: formats.gguf, one tensor of random blocks for each format, with the values that
gguf's reference gives them (formats.json, float32 in base64); tiny-gqa.gguf, the model of tiny-gqa with the tokenizer
of tiny-bpe; and spm.gguf, a SentencePiece vocabulary of Llama 2's kind with the ids that Python's tokenizers gives
(spm.json), which has the merges that the file leaves out.
"""

import base64
import json

import gguf
import numpy as np
import torch
from common import ROWS, TESTDATA, write_json
from safetensors.numpy import load_file
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors, trainers
from transformers import AutoModelForCausalLM

OUT = TESTDATA / "gguf"
TYPES = gguf.GGMLQuantizationType
# Where the half-precision scales of a block are; the rest of it may be anything.
SCALES = {
    TYPES.Q4_0: [0],
    TYPES.Q4_1: [0, 2],
    TYPES.Q5_0: [0],
    TYPES.Q5_1: [0, 2],
    TYPES.Q8_0: [0],
    TYPES.Q4_K: [0, 2],
    TYPES.Q5_K: [0, 2],
    TYPES.Q6_K: [208],
}
ROWS_OF_FORMATS, WIDTH = 3, 256

TEXTS = [
    "The quick brown fox",
    "  two  spaces",
    "a",
    "",
    " ",
    "caf\u00e9 na\u00efve \u65e5\u672c\u8a9e \U0001f600",
    "line\nbreak\ttab",
    "1234 5,678.90",
    "<s> The fox </s>",
    "\u2581already",
    "the the the fox fox",
]


def random_blocks(rng, kind):
    block, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (ROWS_OF_FORMATS * WIDTH // block, size), dtype=np.uint8)
    for at in SCALES[kind]:
        scales = rng.normal(0, 0.05, len(blocks)).astype(np.float16)
        scales[0] = np.float16(6e-8)  # the smallest that is not zero
        blocks[:, at : at + 2] = scales.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(ROWS_OF_FORMATS, -1)


def write_formats():
    rng = np.random.default_rng(4)
    writer = gguf.GGUFWriter(OUT / "formats.gguf", "llama")
    golden = {}
    floats = rng.normal(0, 1, (ROWS_OF_FORMATS, WIDTH)).astype(np.float32)
    halves = floats.astype(np.float16)
    brain = (floats.view(np.uint32) >> 16).astype(np.uint16)
    for name, data, kind, values in [
        ("F32", floats, TYPES.F32, floats),
        ("F16", halves, TYPES.F16, halves.astype(np.float32)),
        ("BF16", brain.view(np.uint8).reshape(ROWS_OF_FORMATS, -1), TYPES.BF16, (brain.astype(np.uint32) << 16).view(np.float32)),
    ]:
        writer.add_tensor(name, data, raw_dtype=kind)
        golden[name] = values
    for kind in SCALES:
        blocks = random_blocks(rng, kind)
        writer.add_tensor(kind.name, blocks, raw_dtype=kind)
        golden[kind.name] = gguf.quants.dequantize(blocks, kind)
    finish(writer)
    write_json(OUT / "formats.json", {
        name: base64.b64encode(values.astype("<f4").tobytes()).decode() for name, values in golden.items()
    })


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def paired(weights, heads):
    """llama.cpp's order of the rows: of each head, row i of the first half and row i of the second are neighbours."""
    rows = weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:])
    return np.ascontiguousarray(rows.swapaxes(1, 2).reshape(weights.shape))


NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def gguf_name(name):
    whole = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    module, kind = name.rsplit(".", 1)
    if module in whole:
        return f"{whole[module]}.{kind}"
    layer, rest = module.removeprefix("model.layers.").split(".", 1)
    return f"blk.{layer}.{NAMES[rest]}.{kind}"


def write_model():
    folder = TESTDATA / "tiny-gqa"
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    tokenizer = json.loads((TESTDATA / "tiny-bpe" / "tokenizer.json").read_text(encoding="utf-8"))
    path = OUT / "tiny-gqa.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(config["hidden_size"] // config["num_attention_heads"])
    writer.add_rope_freq_base(float((config.get("rope_parameters") or config)["rope_theta"]))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    vocab = tokenizer["model"]["vocab"]
    special = {token["id"]: token["content"] for token in tokenizer["added_tokens"]}
    by_id = {i: token for token, i in vocab.items()} | special
    tokens = [by_id[i] for i in range(len(by_id))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if i in special else 1 for i in range(len(tokens))])
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_chat_template("{% for m in messages %}{{ m['content'] }}{% endfor %}")
    for name, weights in load_file(folder / "model.safetensors").items():
        if name.endswith("q_proj.weight"):
            weights = paired(weights, config["num_attention_heads"])
        if name.endswith("k_proj.weight"):
            weights = paired(weights, config["num_key_value_heads"])
        writer.add_tensor(gguf_name(name), weights.astype(np.float32))
    finish(writer)
    # transformers reads the same file as the same model.
    ours = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    theirs = AutoModelForCausalLM.from_pretrained(OUT, gguf_file=path.name, dtype=torch.float32)
    with torch.no_grad():
        for row in ROWS:
            ids = torch.tensor([row])
            assert (ours(ids).logits - theirs(ids).logits).abs().max() < 1e-5


def write_sentence_piece():
    corpus = ["The quick brown fox jumps over the lazy dog .", "the fox and the dog", "quick foxes jump", "brown bread"] * 5
    model = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    model.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    model.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    first = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=first, show_progress=False)
    model.train_from_iterator(corpus, trainer)
    vocab = model.get_vocab()
    tokens = sorted(vocab, key=vocab.get)
    merged = [token for token in tokens if len(token) > 1 and token not in first]
    writer = gguf.GGUFWriter(OUT / "spm.gguf", "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    ranks = {token: -float(i) for i, token in enumerate(merged)}
    writer.add_token_scores([ranks.get(token, -1e4) for token in tokens])
    kinds = {"<unk>": 2, "<s>": 3, "</s>": 3}
    writer.add_token_types([kinds.get(token, 6 if token in first else 1) for token in tokens])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    finish(writer)
    plain = Tokenizer(model.model)
    plain.normalizer, plain.decoder = model.normalizer, model.decoder
    plain.add_special_tokens([AddedToken(token, normalized=False) for token in ["<s>", "</s>"]])
    plain.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    cases = []
    for text in TEXTS:
        ids = plain.encode(text).ids
        cases.append({"text": text, "ids": ids, "decoded": plain.decode(ids, skip_special_tokens=True)})
    write_json(OUT / "spm.json", cases)


OUT.mkdir(parents=True, exist_ok=True)
write_formats()
write_model()
write_sentence_piece()
