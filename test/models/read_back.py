"""Loads with Python's libraries what whetstone wrote, and prints what they make of it as one JSON object.

    python read_back.py model_folder adapter_folder tokenizer_folder < {"rows": [[token, ...]], "texts": [text, ...]}
"""

import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer


def main():
    model_folder, adapter_folder, tokenizer_folder = sys.argv[1:]
    request = json.load(sys.stdin)
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    base, loading = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32, output_loading_info=True)

    def logits_of(model):
        with torch.no_grad():
            return [model(torch.tensor([row])).logits[0].tolist() for row in request["rows"]]

    base_logits = logits_of(base.eval())
    adapted = PeftModel.from_pretrained(base, adapter_folder).eval()
    answer = {
        "missing": sorted(loading["missing_keys"]),
        "unexpected": sorted(loading["unexpected_keys"]),
        "architecture": type(base).__name__,
        "ropeTheta": base.config.rope_parameters["rope_theta"],
        "logits": base_logits,
        "adaptedLogits": logits_of(adapted),
        "ids": tokenizer(request["texts"]).input_ids,
        "special": [tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id],
    }
    print(json.dumps(answer))


main()
