"""What the golden scripts share: where the files go, how numbers are written, and two tiny random Llama models."""

import json
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

TESTDATA = Path(__file__).resolve().parents[2] / "src" / "transformer" / "testdata"

# Rows of different lengths, the shortest of one token.
ROWS = [
    [1],
    [1, 17, 42],
    [1, 5, 9, 33, 60, 8, 21],
    [1, 63, 62, 4, 4, 19, 30, 51, 7, 12, 45, 26],
]


def numbers(tensor):
    """A tensor as nested lists; nine significant digits give every float32 back exactly."""
    if tensor.dim() == 0:
        return float(f"{tensor.item():.9g}")
    return [numbers(part) for part in tensor]


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value) + "\n", encoding="utf-8")


def tiny_llama(seed, kv_heads, tied, rope_theta):
    """Weights large enough for logits that spread, and norms that are not one, so that each of them matters."""
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=kv_heads,
        max_position_embeddings=64,
        rms_norm_eps=1e-5,
        tie_word_embeddings=tied,
        rope_parameters={"rope_theta": rope_theta, "rope_type": "default"},
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    model = LlamaForCausalLM(config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith("norm.weight"):
                parameter.copy_(1 + 0.3 * noise)
            elif "embed_tokens" in name:
                parameter.copy_(noise * (0.3 if tied else 1))
            else:
                parameter.copy_(1.5 * noise / parameter.shape[1] ** 0.5)
    return model
