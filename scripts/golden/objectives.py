"""Golden values of the objectives: PyTorch's losses and gradients, by autograd through tiny-gqa with peft's adapter.

    python scripts/golden/transformers_models.py && python scripts/golden/peft_adapter.py
    python scripts/golden/objectives.py

Writes src/sharpen/testdata/objectives.json: sequences with their log-probabilities under base and adapter, rewards, and for
each objective its loss, its gradient by the sequences' log-probabilities, and that by the matrices of the second layer.
"""

from pathlib import Path

import torch
from common import TESTDATA, numbers, write_json
from peft import PeftModel
from transformers import LlamaForCausalLM

TARGET = Path(__file__).resolve().parents[2] / "src" / "sharpen" / "testdata" / "objectives.json"
LAYER = "layers.1."
BETA = 0.7
ALPHA = 0.3
# Prompts with two or three responses each, of different lengths.
PROMPTS = [
    ([1, 5, 9], [[33, 60, 8, 2], [17, 2], [12, 45, 26, 7, 51, 2]]),
    ([1, 63, 62, 4], [[4, 19, 30, 2], [51, 7, 12, 45, 26]]),
]


def sequence_log_prob(model, prompt, response):
    tokens = torch.tensor([prompt + response])
    log_probs = torch.log_softmax(model(tokens).logits[0, :-1].double(), dim=-1)
    return log_probs.gather(1, tokens[0, 1:, None])[len(prompt) - 1 :, 0].sum()


def residual(gap, reference_gap, reward_gap):
    return BETA * (gap - reference_gap) - reward_gap


def objectives(log_probs, references, rewards, groups, lengths):
    every = [(i, j) for group in groups for a, i in enumerate(group) for j in group[a + 1 :]]
    firsts = [(group[0], j) for group in groups for j in group[1:]]

    def regression(pairs):
        squares = [
            residual(log_probs[i] - log_probs[j], references[i] - references[j], rewards[i] - rewards[j]) ** 2
            for i, j in pairs
        ]
        return sum(squares) / len(pairs)

    optimism = sum(log_probs[j] for _, j in firsts) / len(firsts)
    return {
        "sft": -log_probs.sum() / sum(lengths),
        "dpo": regression(every),
        "xpo": ALPHA * optimism + regression(firsts),
    }


def main():
    torch.set_num_threads(1)
    base = LlamaForCausalLM.from_pretrained(TESTDATA / "tiny-gqa", dtype=torch.float32).eval()
    pairs = [(prompt, response) for prompt, responses in PROMPTS for response in responses]
    groups, at = [], 0
    for _, responses in PROMPTS:
        groups.append(list(range(at, at + len(responses))))
        at += len(responses)
    with torch.no_grad():
        references = torch.stack([sequence_log_prob(base, *pair) for pair in pairs])
    rewards = torch.randn(len(pairs), generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    model = PeftModel.from_pretrained(base, TESTDATA / "tiny-gqa-lora", is_trainable=True).eval()
    named = {
        name.removeprefix("base_model.model.").replace(".default.weight", ""): parameter
        for name, parameter in model.named_parameters()
        if "lora_" in name and LAYER in name
    }
    golden = {
        "torch": torch.__version__.split("+")[0],
        "beta": BETA,
        "alpha": ALPHA,
        "prompts": [{"prompt": prompt, "responses": responses} for prompt, responses in PROMPTS],
        "references": numbers(references),
        "rewards": numbers(rewards),
        "objectives": {},
    }
    lengths = [len(response) for _, response in pairs]
    for name in ["sft", "dpo", "xpo"]:
        log_probs = torch.stack([sequence_log_prob(model, *pair) for pair in pairs])
        log_probs.retain_grad()
        loss = objectives(log_probs, references, rewards, groups, lengths)[name]
        model.zero_grad()
        loss.backward()
        golden["logProbs"] = numbers(log_probs.detach())
        golden["objectives"][name] = {
            "loss": numbers(loss.detach()),
            "byLogProb": numbers(log_probs.grad),
            "byMatrix": {key: numbers(parameter.grad) for key, parameter in named.items()},
        }
    write_json(TARGET, golden)


main()
