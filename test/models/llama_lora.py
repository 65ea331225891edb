"""What llama.cpp makes of a model and of an adapter beside it: the log-probability of each token of given sequences, without and
with the adapter. argv: model.gguf, lora.gguf; stdin: {"rows": [{"prompt": ids, "tokens": ids}]};
stdout: one JSON object."""

import json
import sys

import numpy as np
from llama_cpp import Llama


def log_softmax(logits):
    shifted = logits - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


def score(model, prompt, tokens):
    model.reset()
    model.eval(prompt + tokens)
    rows = np.asarray(model.scores[: model.n_tokens], dtype=np.float64)
    first = len(prompt) - 1
    return [float(log_softmax(rows[first + i])[token]) for i, token in enumerate(tokens)]


def load(path, **options):
    return Llama(path, n_ctx=256, n_threads=1, n_threads_batch=1, logits_all=True, verbose=False, **options)


def main():
    path, lora = sys.argv[1:]
    rows = json.load(sys.stdin)["rows"]
    base = load(path)
    without = [score(base, row["prompt"], row["tokens"]) for row in rows]
    adapted = load(path, lora_path=lora)
    print(
        json.dumps(
            {
                "without": without,
                "with": [score(adapted, row["prompt"], row["tokens"]) for row in rows],
            }
        )
    )


main()
