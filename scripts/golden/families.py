"""Golden files for the model families: tiny random models with what Python's transformers and peft compute of them.

    pip install torch transformers safetensors peft
    python scripts/golden/families.py

Writes src/transformer/testdata/families/<name>/: the model in Hugging Face layout, in half precision; golden.json with,
for each row of token ids, the greedy continuation of eight tokens and its log-probabilities; golden.safetensors with the
logits of each row at every position ("logits.0", ...). Where a family's linears differ from Llama's there is a LoRA
adapter too, in adapter/, as peft saved it: "lora.logits.0" ... are the logits with it, and "gradient.<matrix>" the
gradients of the loss -sum log pi(token_t), t >= start, of one row.

Windows are shorter than the rows, and the original lengths of the rotary scalings too, so that each of them matters.
"""

import json
import shutil

import torch
import transformers
from common import TESTDATA, numbers, write_json
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import (
    Gemma3Config,
    Gemma3ForCausalLM,
    Gemma3ForConditionalGeneration,
    Gemma3TextConfig,
    GemmaConfig,
    GemmaForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

GREEDY_TOKENS = 8
ROWS = [
    [1, 17, 42, 5],
    [1, 5, 9, 33, 40, 8, 21, 3, 46, 44, 4, 4, 19, 30, 41, 7, 12, 45, 26, 11, 38, 6],
]
GRADIENT_START = 6
# With these, a row and its continuation are either within the original length or beyond it.
ORIGINAL_LENGTH = 16

SIZES = {
    "vocab_size": 48,
    "hidden_size": 32,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


def long_rope(pairs):
    return {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "short_factor": [1.0 + 0.25 * i for i in range(pairs)],
        "long_factor": [1.5 + 0.75 * i for i in range(pairs)],
        "original_max_position_embeddings": ORIGINAL_LENGTH,
    }


def models():
    """name: (class, configuration, dtype of the file, targets of an adapter or None)."""
    llama3 = {
        "rope_type": "llama3",
        "rope_theta": 500.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": ORIGINAL_LENGTH,
    }
    gemma_rope = {
        "full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 100000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1000.0},
    }
    gemma = Gemma3TextConfig(
        **{**SIZES, "num_hidden_layers": 3},
        head_dim=16,
        sliding_window=6,
        layer_types=["sliding_attention", "full_attention", "sliding_attention"],
        query_pre_attn_scalar=24,
        rope_parameters=gemma_rope,
    )
    # As small as it can be: it is there to be left out.
    vision = {
        "hidden_size": 4,
        "intermediate_size": 4,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "image_size": 8,
        "patch_size": 4,
    }
    plain = {"rope_type": "default", "rope_theta": 10000.0}
    separate = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    fused = ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]
    half, brain = torch.float16, torch.bfloat16
    return {
        "llama3": (
            LlamaForCausalLM,
            LlamaConfig(**SIZES, rope_parameters=llama3, attention_bias=True, mlp_bias=True),
            brain,
            None,
        ),
        "mistral": (
            MistralForCausalLM,
            MistralConfig(**SIZES, head_dim=16, sliding_window=7, rope_parameters=plain),
            brain,
            None,
        ),
        "qwen2": (
            Qwen2ForCausalLM,
            Qwen2Config(
                **SIZES,
                rope_parameters=plain,
                tie_word_embeddings=True,
                use_sliding_window=True,
                sliding_window=9,
                max_window_layers=1,
            ),
            half,
            separate,
        ),
        "qwen3": (
            Qwen3ForCausalLM,
            Qwen3Config(**SIZES, head_dim=16, rope_parameters=plain, tie_word_embeddings=True),
            brain,
            separate,
        ),
        "phi3": (
            Phi3ForCausalLM,
            Phi3Config(
                **SIZES,
                sliding_window=11,
                original_max_position_embeddings=ORIGINAL_LENGTH,
                rope_parameters=long_rope(4),
            ),
            brain,
            fused,
        ),
        "phi4-mini": (
            Phi3ForCausalLM,
            Phi3Config(
                **{**SIZES, "num_attention_heads": 2, "num_key_value_heads": 1},
                tie_word_embeddings=True,
                original_max_position_embeddings=ORIGINAL_LENGTH,
                rope_parameters={**long_rope(6), "partial_rotary_factor": 0.75},
            ),
            half,
            None,
        ),
        "gemma3": (
            Gemma3ForCausalLM,
            gemma,
            brain,
            separate,
        ),
        "gemma3-vision": (
            Gemma3ForConditionalGeneration,
            Gemma3Config(
                text_config=gemma.to_dict(),
                vision_config=vision,
                mm_tokens_per_image=1,
                image_token_index=47,
                boi_token_index=46,
                eoi_token_index=45,
                bos_token_id=1,
                eos_token_id=2,
                pad_token_id=0,
            ),
            brain,
            None,
        ),
        "gemma": (
            GemmaForCausalLM,
            GemmaConfig(**SIZES, head_dim=16, rope_parameters=plain, hidden_act="gelu", tie_word_embeddings=True),
            brain,
            None,
        ),
    }


def randomize(model, dtype, seed):
    """Weights large enough for logits that spread, norms and biases that matter, all exact in the file's dtype."""
    generator = torch.Generator().manual_seed(seed)
    around_zero = model.config.model_type.startswith("gemma")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "vision_tower" in name or "projector" in name:
                value = torch.zeros(parameter.shape)
            elif name.endswith("norm.weight"):
                value = 0.3 * noise if around_zero else 1 + 0.3 * noise
            elif name.endswith(".bias"):
                value = 0.5 * noise
            elif "embed_tokens" in name:
                value = noise * (0.3 if model.config.get_text_config().tie_word_embeddings else 1)
            else:
                value = 1.5 * noise / parameter.shape[1] ** 0.5
            parameter.copy_(value.to(dtype).float())


def logits_of(model, row):
    return model(torch.tensor([row]), use_cache=False).logits[0]


def describe_row(model, row):
    greedy, log_probs = list(row), []
    for _ in range(GREEDY_TOKENS):
        last = torch.log_softmax(logits_of(model, greedy)[-1], dim=-1)
        greedy.append(int(last.argmax()))
        log_probs.append(numbers(last.max()))
    return {"tokens": row, "greedy": greedy[len(row) :], "greedyLogProbs": log_probs}


def adapter_golden(model, folder, name, targets):
    model.name_or_path = model.config._name_or_path = name
    adapted = get_peft_model(
        model, LoraConfig(r=2, lora_alpha=3, target_modules=targets, task_type="CAUSAL_LM")
    ).eval()
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter_name, parameter in adapted.named_parameters():
            if "lora_" in parameter_name:
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
        tensors = {f"lora.logits.{i}": logits_of(adapted, row) for i, row in enumerate(ROWS)}
    row = ROWS[-1]
    log_probs = torch.log_softmax(logits_of(adapted, row)[:-1], dim=-1)
    taken = log_probs.gather(1, torch.tensor(row[1:])[:, None])[:, 0]
    (-taken[GRADIENT_START - 1 :].sum()).backward()
    for parameter_name, parameter in adapted.named_parameters():
        if parameter.grad is not None:
            short = parameter_name.removeprefix("base_model.model.").replace(".default.weight", "")
            tensors[f"gradient.{short}"] = parameter.grad
    # The embeddings are as they were; to find that out, peft would ask the hub.
    adapted.save_pretrained(folder / "adapter", save_embedding_layers=False)
    (folder / "adapter" / "README.md").unlink()
    # peft keeps the modules' names in a set, whose order changes from run to run.
    config_file = folder / "adapter" / "adapter_config.json"
    saved = json.loads(config_file.read_text(encoding="utf-8"))
    saved["target_modules"].sort()
    config_file.write_text(json.dumps(saved, indent=2) + "\n", encoding="utf-8")
    return tensors


def main():
    torch.set_num_threads(1)
    shutil.rmtree(TESTDATA / "families", ignore_errors=True)
    for seed, (name, (kind, config, dtype, targets)) in enumerate(models().items()):
        folder = TESTDATA / "families" / name
        config._attn_implementation = "eager"
        model = kind(config).eval()
        randomize(model, dtype, seed)
        with torch.no_grad():
            rows = [describe_row(model, row) for row in ROWS]
            tensors = {f"logits.{i}": logits_of(model, row) for i, row in enumerate(ROWS)}
        saved = kind(config)
        saved.load_state_dict(model.state_dict())
        # One of them in several files, with an index.
        saved.to(dtype).save_pretrained(folder, max_shard_size="16KB" if name == "phi3" else "1GB")
        if targets is not None:
            tensors.update(adapter_golden(model, folder, name, targets))
        save_file({key: value.contiguous() for key, value in tensors.items()}, folder / "golden.safetensors")
        golden = {"transformers": transformers.__version__, "gradientStart": GRADIENT_START, "rows": rows}
        write_json(folder / "golden.json", golden)


main()
