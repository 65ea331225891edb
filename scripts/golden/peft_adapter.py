"""Golden files for LoRA: an adapter that Python's peft saved for tiny-gqa, and what the model computes with it.

    pip install torch transformers safetensors peft
    python scripts/golden/transformers_models.py && python scripts/golden/peft_adapter.py

Writes src/transformer/testdata/tiny-gqa-lora/: adapter_config.json, adapter_model.safetensors and golden.json with the
logits of every row, each module's matrices, and for one row the loss -sum log pi(token_t) over t >= start together with
its gradients in A and B.
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


def matrices(model, gradient):
    modules = {}
    for name, parameter in model.named_parameters():
        if "lora_" not in name:
            continue
        module = name.removeprefix("base_model.model.").split(".lora_")[0]
        side = "a" if "lora_A" in name else "b"
        modules.setdefault(module, {})[side] = numbers(parameter.grad if gradient else parameter.detach())
    return modules


def main():
    torch.set_num_threads(1)
    base = LlamaForCausalLM.from_pretrained(TESTDATA / "tiny-gqa", dtype=torch.float32)
    # The path of the machine that ran this does not belong in the files.
    base.name_or_path = base.config._name_or_path = "tiny-gqa"
    config = LoraConfig(r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM")
    model = get_peft_model(base, config).eval()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
        logits = [model(torch.tensor([row])).logits[0] for row in ROWS]
    row = torch.tensor([ROWS[GRADIENT_ROW]])
    log_probs = torch.log_softmax(model(row).logits[0, :-1], dim=-1)
    taken = log_probs.gather(1, row[0, 1:, None])[:, 0]
    loss = -taken[GRADIENT_START - 1 :].sum()
    loss.backward()
    folder = TESTDATA / "tiny-gqa-lora"
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    # peft keeps the modules' names in a set, whose order changes from run to run.
    config_file = folder / "adapter_config.json"
    saved = json.loads(config_file.read_text(encoding="utf-8"))
    saved["target_modules"].sort()
    config_file.write_text(json.dumps(saved, indent=2) + "\n", encoding="utf-8")
    golden = {
        "peft": peft.__version__,
        "rows": [{"tokens": tokens, "logits": numbers(values)} for tokens, values in zip(ROWS, logits)],
        "weights": matrices(model, gradient=False),
        "loss": {"tokens": ROWS[GRADIENT_ROW], "start": GRADIENT_START, "value": numbers(loss.detach())},
        "gradients": matrices(model, gradient=True),
    }
    write_json(folder / "golden.json", golden)


main()
