"""Gradients of an adapter by a plain loop over peft: what trainers are compared with. Reads a JSON object on stdin, writes one."""

import json
import os
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

asked = json.load(sys.stdin)
folder, file = os.path.split(asked["base"])
place = {"pretrained_model_name_or_path": folder, "gguf_file": file} if file.endswith(".gguf") else {"pretrained_model_name_or_path": asked["base"]}
base = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
model = PeftModel.from_pretrained(base, asked["adapter"], is_trainable=True).eval()
# Linears that have one A together: the parameter of the first is that of all.
modules = dict(model.named_modules())
for first, *others in asked.get("shared", []):
    for name, module in modules.items():
        if name.endswith(f".{first}"):
            for other in others:
                modules[name.removesuffix(first) + other].lora_A["default"].weight = module.lora_A["default"].weight


def log_probs(prompt: list[int], response: list[int]) -> torch.Tensor:
    logits = model(input_ids=torch.tensor([prompt + response])).logits[0].log_softmax(-1)
    places = torch.arange(len(prompt) - 1, len(prompt) + len(response) - 1)
    return logits[places, torch.tensor(response)]


answer = {}
for name, case in asked["cases"].items():
    model.zero_grad()
    rows = [log_probs(sequence["prompt"], sequence["response"]) for sequence in case["sequences"]]
    if case["kind"] == "score":
        answer[name] = {"log_probs": [row.tolist() for row in rows]}
        continue
    loss = torch.zeros(())
    if case["kind"] == "sft":
        loss = -torch.cat(rows).mean()
    else:
        totals = [row.sum() for row in rows]
        pairs = case["pairs"]
        for first, second, reference, reward in pairs:
            loss = loss + (case["beta"] * (totals[first] - totals[second] - reference) - reward) ** 2 / len(pairs)
        for first in case["optimistic"]:
            loss = loss + case["alpha"] * totals[first] / len(case["optimistic"])
    loss.backward()
    grads = {key.replace(".default", ""): p.grad.flatten().tolist() for key, p in model.named_parameters(remove_duplicate=False) if p.grad is not None}
    answer[name] = {"loss": float(loss), "gradients": grads, "log_probs": [row.tolist() for row in rows]}
json.dump(answer, sys.stdout)
