"""Golden file for full fine-tuning: what two steps of torch's AdamW on every weight make of tiny-gqa and tiny-tied.

    pip install torch transformers safetensors
    python scripts/golden/transformers_models.py && python scripts/golden/full_step.py

Writes src/transformer/testdata/full-step.json: for each model the loss -sum weight * log pi(token_t) of two rows before each
step, the joint norm of its gradients, of each weight the gradient's norm and some of its entries before the first step, some
entries of the weight after the second, and log pi of the rows' tokens then. Entries are evenly spaced, the first one included.
"""

import torch
from common import ROWS, TESTDATA, numbers, write_json
from transformers import LlamaForCausalLM

# Row, first learned token, weight of each of its tokens.
LEARNED = [(3, 5, 0.7), (2, 2, -0.4)]
RATE = 0.01
DECAY = 0.1
CLIP = 1.0
ENTRIES = 9


def taken(model, row):
    tokens = torch.tensor([ROWS[row]])
    return torch.log_softmax(model(tokens).logits[0, :-1], dim=-1).gather(1, tokens[0, 1:, None])[:, 0]


def entries(tensor):
    flat = tensor.detach().reshape(-1)
    return numbers(flat[:: max(1, flat.numel() // ENTRIES)][:ENTRIES])


def two_steps(name):
    model = LlamaForCausalLM.from_pretrained(TESTDATA / name, dtype=torch.float32).eval()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
    steps, gradients = [], {}
    for step in range(2):
        optimizer.zero_grad()
        loss = -sum(weight * taken(model, row)[start - 1 :].sum() for row, start, weight in LEARNED)
        loss.backward()
        if step == 0:
            for key, parameter in model.named_parameters():
                gradients[key] = {"norm": numbers(parameter.grad.norm()), "entries": entries(parameter.grad)}
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        steps.append({"loss": numbers(loss.detach()), "norm": numbers(norm)})
        optimizer.step()
    with torch.no_grad():
        after = [numbers(taken(model, row)) for row, _, _ in LEARNED]
    weights = {key: entries(parameter) for key, parameter in model.named_parameters()}
    return {"steps": steps, "gradients": gradients, "weights": weights, "logProbs": after}


def main():
    torch.set_num_threads(1)
    golden = {
        "torch": torch.__version__,
        "learned": [{"tokens": ROWS[row], "start": start, "weight": weight} for row, start, weight in LEARNED],
        "rate": RATE,
        "decay": DECAY,
        "clip": CLIP,
        "entries": ENTRIES,
        "models": {name: two_steps(name) for name in ("tiny-gqa", "tiny-tied")},
    }
    write_json(TESTDATA / "full-step.json", golden)


main()
