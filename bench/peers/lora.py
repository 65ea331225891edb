"""
LoRA steps with torch and peft: forward, backward, clipping, AdamW. On one random batch time and again ("work"), or on the batches of a
file ("given": its path; {"batches": [[{"prompt": ids, "response": ids}, …], …]}, or what "steps" names in their place), each padded to its
longest.
"""

import json
import time

import torch
from peft import LoraConfig, get_peft_model

from common import answer, model_of, settings

RANK = 16
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

read = settings()
rank = read["work"]["rank"] if "work" in read else RANK
lora = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=0.0, target_modules=LINEARS, task_type="CAUSAL_LM")
base = model_of(read)
model = get_peft_model(base, lora).train()
trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.0)

Batch = dict[str, torch.Tensor]


def random_batch(work: dict) -> Batch:
    ids = torch.randint(1, base.config.vocab_size, (work["batch"], work["length"]))
    labels = ids.clone()
    labels[:, : work["length"] - work["targets"]] = -100
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}


def padded(pairs: list[dict]) -> Batch:
    rows = [(pair["prompt"], pair["response"]) for pair in pairs]
    width = max(len(prompt) + len(response) for prompt, response in rows)
    pads = [width - len(prompt) - len(response) for prompt, response in rows]
    ids = [[*p, *r, *[0] * pad] for (p, r), pad in zip(rows, pads, strict=True)]
    mask = [[1] * (width - pad) + [0] * pad for pad in pads]
    labels = [[*[-100] * len(p), *r, *[-100] * pad] for (p, r), pad in zip(rows, pads, strict=True)]
    return {
        "input_ids": torch.tensor(ids),
        "attention_mask": torch.tensor(mask),
        "labels": torch.tensor(labels),
    }


def step(batch: Batch) -> None:
    optimizer.zero_grad(set_to_none=True)
    model(**batch, use_cache=False).loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()


if "given" in read:
    with open(read["given"], encoding="utf-8") as file:
        given = json.load(file)
    batches = [padded(pairs) for pairs in given[read.get("steps", "batches")]]
else:
    batches = [random_batch(read["work"])]
step(batches[0])
step(batches[-1])
seconds = []
for _ in range(read["repeats"]):
    start = time.perf_counter()
    for batch in batches:
        step(batch)
    seconds.append(time.perf_counter() - start)
answer(sum(int(batch["attention_mask"].sum()) for batch in batches), seconds)
