"""Golden files for weights that an adapter replaces whole: what Python's peft saved (modules_to_save) for tiny-tied, whose
head is tied to its embeddings, and what the model computes with it.

    pip install torch transformers safetensors peft
    python scripts/golden/transformers_models.py && python scripts/golden/peft_replaced.py

Writes src/transformer/testdata/tiny-tied-lora/ (LoRA, the final norm and the head) and tiny-tied-norm/ (the final norm
alone): adapter_config.json, adapter_model.safetensors and golden.json with the logits of every row, and for one row the
loss -sum log pi(token_t) over t >= start with its gradients in the replaced weights.
"""

import json
import shutil

import peft
import torch
from common import ROWS, TESTDATA, numbers, write_json
from peft import LoraConfig, get_peft_model
from transformers import LlamaForCausalLM

GRADIENT_ROW = 3
GRADIENT_START = 5
CASES = {
    "tiny-tied-lora": {"target_modules": ["q_proj", "down_proj"], "modules_to_save": ["model.norm", "lm_head"]},
    "tiny-tied-norm": {"target_modules": "dummy-target-modules", "modules_to_save": ["model.norm"]},
}


def whole(model):
    for name, parameter in model.named_parameters():
        if ".modules_to_save.default." in name:
            yield name.removeprefix("base_model.model.").replace(".modules_to_save.default", ""), parameter


def main():
    torch.set_num_threads(1)
    for name, targets in CASES.items():
        base = LlamaForCausalLM.from_pretrained(TESTDATA / "tiny-tied", dtype=torch.float32)
        # The path of the machine that ran this does not belong in the files.
        base.name_or_path = base.config._name_or_path = "tiny-tied"
        model = get_peft_model(base, LoraConfig(r=2, lora_alpha=4, task_type="CAUSAL_LM", **targets)).eval()
        generator = torch.Generator().manual_seed(5)
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                if "lora_" in key or ".modules_to_save.default." in key:
                    parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
            logits = [model(torch.tensor([row])).logits[0] for row in ROWS]
        row = torch.tensor([ROWS[GRADIENT_ROW]])
        taken = torch.log_softmax(model(row).logits[0, :-1], dim=-1).gather(1, row[0, 1:, None])[:, 0]
        loss = -taken[GRADIENT_START - 1 :].sum()
        loss.backward()
        folder = TESTDATA / name
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder, save_embedding_layers=False)
        (folder / "README.md").unlink()
        config_file = folder / "adapter_config.json"
        saved = json.loads(config_file.read_text(encoding="utf-8"))
        # peft keeps the modules' names in sets, whose order changes from run to run.
        for field in ("target_modules", "modules_to_save"):
            if isinstance(saved[field], list):
                saved[field].sort()
        config_file.write_text(json.dumps(saved, indent=2) + "\n", encoding="utf-8")
        golden = {
            "peft": peft.__version__,
            "rows": [{"tokens": tokens, "logits": numbers(values)} for tokens, values in zip(ROWS, logits)],
            "loss": {"tokens": ROWS[GRADIENT_ROW], "start": GRADIENT_START, "value": numbers(loss.detach())},
            "replaced": {key: numbers(parameter.detach()) for key, parameter in whole(model)},
            "gradients": {key: numbers(parameter.grad) for key, parameter in whole(model)},
        }
        write_json(folder / "golden.json", golden)


main()
