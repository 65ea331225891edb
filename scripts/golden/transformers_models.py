"""Golden files for the model code: two tiny random Llama models with what Python's transformers computes of them.

    pip install torch transformers safetensors
    python scripts/golden/transformers_models.py

Writes src/transformer/testdata/{tiny-gqa,tiny-tied}/: the model in Hugging Face layout, and golden.json with, for each
row of token ids, the logits at every position, log pi(token_t | tokens before) for t = 1 ..., and the greedy
continuation of eight tokens (the end token does not end it) with its log-probabilities.
"""

import shutil

import torch
import transformers
from common import ROWS, TESTDATA, numbers, tiny_llama, write_json

GREEDY_TOKENS = 8


def describe_row(model, row):
    logits = model(torch.tensor([row])).logits[0]
    log_probs = torch.log_softmax(logits, dim=-1)
    taken = [log_probs[t - 1, row[t]] for t in range(1, len(row))]
    greedy, greedy_log_probs = list(row), []
    for _ in range(GREEDY_TOKENS):
        last = torch.log_softmax(model(torch.tensor([greedy])).logits[0, -1], dim=-1)
        greedy.append(int(last.argmax()))
        greedy_log_probs.append(numbers(last.max()))
    return {
        "tokens": row,
        "logits": numbers(logits),
        "logProbs": [numbers(value) for value in taken],
        "greedy": greedy[len(row) :],
        "greedyLogProbs": greedy_log_probs,
    }


def main():
    torch.set_num_threads(1)
    models = {
        "tiny-gqa": tiny_llama(seed=1, kv_heads=2, tied=False, rope_theta=10000.0),
        "tiny-tied": tiny_llama(seed=2, kv_heads=4, tied=True, rope_theta=500000.0),
    }
    for name, model in models.items():
        folder = TESTDATA / name
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder)
        with torch.no_grad():
            rows = [describe_row(model, row) for row in ROWS]
        write_json(folder / "golden.json", {"transformers": transformers.__version__, "rows": rows})


main()
