"""Loads a model that full fine-tuning wrote, with its tokenizer, and prints log pi of given responses as one JSON object.

    python full_read_back.py model_folder < [{"text": prompt, "tokens": [token, ...]}, ...]
"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def main():
    folder = sys.argv[1]
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model, loading = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    model.eval()
    rows = []
    for example in json.load(sys.stdin):
        prompt = tokenizer(example["text"]).input_ids
        ids = torch.tensor([prompt + example["tokens"]])
        with torch.no_grad():
            log_probs = torch.log_softmax(model(ids).logits[0, :-1], dim=-1)
        rows.append(log_probs.gather(1, ids[0, 1:, None])[len(prompt) - 1 :, 0].tolist())
    missing, unexpected = sorted(loading["missing_keys"]), sorted(loading["unexpected_keys"])
    print(json.dumps({"missing": missing, "unexpected": unexpected, "logProbs": rows}))


main()
