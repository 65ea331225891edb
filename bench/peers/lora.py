"""A LoRA step with torch and peft: forward, backward, clipping, AdamW, on the same batch each time."""

import time

import torch
from peft import LoraConfig, get_peft_model

from common import answer, model_of, settings

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

read = settings()
work = read["work"]
lora = LoraConfig(
    r=work["rank"], lora_alpha=2 * work["rank"], lora_dropout=0.0, target_modules=LINEARS, task_type="CAUSAL_LM"
)
base = model_of(read)
model = get_peft_model(base, lora).train()
trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.0)
ids = torch.randint(1, base.config.vocab_size, (work["batch"], work["length"]))
labels = ids.clone()
labels[:, : work["length"] - work["targets"]] = -100


def step() -> None:
    optimizer.zero_grad(set_to_none=True)
    model(input_ids=ids, labels=labels, use_cache=False).loss.backward()
    torch.nn.utils.clip_grad_norm_(trained, 1.0)
    optimizer.step()


step()
step()
seconds = []
for _ in range(read["repeats"]):
    start = time.perf_counter()
    step()
    seconds.append(time.perf_counter() - start)
answer(work["batch"] * work["length"], seconds)
