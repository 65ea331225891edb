"""
Measures the worker's engine beside a plain peft loop on the machine's accelerator: a random model of Llama-3.2-1B's shape in bfloat16,
LoRA of rank 16 on all linears, the same sequences. Needs torch, transformers and peft, no network. `--tiny` tries the script on a CPU.
"""

import argparse
import random
import tempfile
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from engine import Engine
from wire import Datum

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--tiny", action="store_true")
parser.add_argument("--steps", type=int, default=12)
options = parser.parse_args()

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
small = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "vocab_size": 512, "head_dim": 16}
large = {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "vocab_size": 128256, "head_dim": 64}
heads = {"num_attention_heads": 4, "num_key_value_heads": 2} if options.tiny else {"num_attention_heads": 32, "num_key_value_heads": 8}
config = LlamaConfig(**(small if options.tiny else large), **heads, tie_word_embeddings=True, max_position_embeddings=4096)
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

stream = random.Random(0)
prompt, response = (16, 16) if options.tiny else (256, 256)
batches: list[list[list[int]]] = [
    [[stream.randrange(config.vocab_size) for _ in range(prompt + response)] for _ in range(16)] for _ in range(options.steps)
]
tokens = sum(len(row) for batch in batches[2:] for row in batch)


def finished() -> float:
    """The time, once the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def peak() -> str:
    """The most memory that was taken since the last reset."""
    return f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB" if device.type == "cuda" else "not measured"


def ours(folder: str) -> float:
    """Tokens a second of the worker's engine; the first two steps are not counted."""
    engine = Engine(folder, dtype, device, tokens=8192, rows=64, saving=False)
    engine.create("model_1", 16, 32.0, TARGETS, 0)
    begun = 0.0
    for i, batch in enumerate(batches):
        if i == 2:
            begun = finished()
        data = [Datum(row[:-1], row[1:], [0.0] * (prompt - 1) + [1.0 / response] * response) for row in batch]
        engine.passes("model_1", data, True)
        engine.step("model_1", 3e-4, (0.9, 0.999), 1e-8, 0.0, 0.1)
    return tokens / (finished() - begun)


def plain(folder: str) -> float:
    """Tokens a second of the loop that one would write: the same passes, the loss over all positions by transformers."""
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).to(device)
    model = get_peft_model(base, LoraConfig(r=16, lora_alpha=32, target_modules=TARGETS, task_type="CAUSAL_LM"))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-4)
    begun = 0.0
    for i, batch in enumerate(batches):
        if i == 2:
            begun = finished()
        for part in (batch[at : at + 8192 // (prompt + response)] for at in range(0, len(batch), 8192 // (prompt + response))):
            ids = torch.tensor(part, device=device)
            labels = ids.clone()
            labels[:, :prompt] = -100
            (model(input_ids=ids, labels=labels, use_cache=False).loss * len(part) / len(batch)).backward()
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 0.1)
        optimizer.step()
        optimizer.zero_grad()
    return tokens / (finished() - begun)


with tempfile.TemporaryDirectory() as folder:
    torch.manual_seed(0)
    LlamaForCausalLM(config).to(dtype).save_pretrained(folder)
    results = {}
    for name, run in (("worker", ours), ("plain peft loop", plain)):
        if device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        results[name] = run(folder)
        print(f"{name}: {results[name]:,.0f} tokens/s, {peak()}", flush=True)
    print(f"ratio: {results['worker'] / results['plain peft loop']:.2f} (target: at least 0.95)")
