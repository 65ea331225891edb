"""Seconds of each step of the worker's own engine, without client, wire and server; makes the tiny base where there is none.
argv: {"base", "sequences", "length", "response", "steps"}; the last line is a JSON list."""

import json
import shutil
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "trainers" / "torch"))

import torch  # noqa: E402
from engine import Engine  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM  # noqa: E402
from wire import Datum  # noqa: E402

asked = json.loads(sys.argv[1])
base = Path(asked["base"])
torch.set_num_threads(1)
if not base.exists():
    config = LlamaConfig(
        vocab_size=212, hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=1024, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(base)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copy(ROOT / "models" / "game24" / name, base / name)
engine = Engine(str(base), torch.float32, torch.device("cpu"), 16384, 64, False)
engine.create("a", 8, 16.0, engine.linears, 1)
length, response = asked["length"], asked["response"]
data = [
    Datum([(7 * t + i) % 200 + 3 for t in range(length - 1)], [(7 * t + i + 7) % 200 + 3 for t in range(length - 1)],
          [0.0] * (length - 1 - response) + [1 / asked["sequences"]] * response)
    for i in range(asked["sequences"])
]  # fmt: skip
seconds = []
for _ in range(asked["steps"]):
    began = time.perf_counter()
    engine.passes("a", data, True)
    engine.step("a", 1e-4, (0.9, 0.999), 1e-8, 0.0, 1.0)
    seconds.append(time.perf_counter() - began)
print(json.dumps(seconds[3:]))
