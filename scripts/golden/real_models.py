"""Golden files for Qwen2.5-Coder-0.5B-Instruct and Gemma 3 270M: what transformers computes from their GGUF files.

    pip install torch transformers gguf sentencepiece
    python scripts/golden/real_models.py qwen "$(npm run -s fetch:qwen)"
    python scripts/golden/real_models.py gemma "$(npm run -s fetch:gemma)"

Writes test/models/<name>.golden.json: greedy continuations of prompts with the log-probability of each token, the weights
dequantized to float32. The token ids are of transformers' tokenizer of the same file.
"""

import json
import sys
from pathlib import Path

import torch
from continuations import PROMPTS, continuation
from transformers import AutoModelForCausalLM, AutoTokenizer


def main():
    name, path = sys.argv[1], Path(sys.argv[2])
    torch.set_num_threads(2)
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    model.generation_config.update(do_sample=False, top_p=None, top_k=None, temperature=None, repetition_penalty=1.0)
    plain = [prompt for prompt in PROMPTS if "<|im_start|>" not in prompt or name == "qwen"]
    made = [continuation(model, prompt, tokenizer(prompt)["input_ids"]) for prompt in plain]
    out = Path(__file__).resolve().parents[2] / "test" / "models" / f"{name}.golden.json"
    out.write_text(json.dumps({"continuations": made}) + "\n", encoding="utf-8")


main()
