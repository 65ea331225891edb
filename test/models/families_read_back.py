"""Loads the tiny models of all families, and adapters for them, as whetstone wrote them; prints their logits as JSON.

    python families_read_back.py folder < {"names": [name, ...], "rows": [[token, ...]]}

Each folder/<name> is a model, folder/<name>/adapter an adapter for it.
"""

import json
import sys
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM


def main():
    root = Path(sys.argv[1])
    request = json.load(sys.stdin)
    torch.set_num_threads(1)
    answers = {}
    for name in request["names"]:
        base, loading = AutoModelForCausalLM.from_pretrained(
            root / name, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
        )

        def logits_of(model):
            with torch.no_grad():
                rows = [model(torch.tensor([row]), use_cache=False) for row in request["rows"]]
            return [row.logits[0].flatten().tolist() for row in rows]

        plain = logits_of(base.eval())
        adapted = PeftModel.from_pretrained(base, root / name / "adapter").eval()
        answers[name] = {
            "missing": sorted(loading["missing_keys"]),
            "unexpected": sorted(loading["unexpected_keys"]),
            "architecture": type(base).__name__,
            "logits": plain,
            "adaptedModules": sum("lora_A" in parameter for parameter, _ in adapted.named_parameters()),
            "adaptedLogits": logits_of(adapted),
        }
    print(json.dumps(answers))


main()
