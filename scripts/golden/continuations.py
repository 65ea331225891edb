"""Greedy continuations of a few prompts by transformers, with the log-probability of each token: what real models are compared with."""

import torch

TOKENS = 24
PROMPTS = [
    "The capital of France is",
    "Once upon a time, there was a little girl who",
    "def fibonacci(n):\n",
    "2 + 2 =",
    "The three primary colours are",
    "Water boils at",
    "Q: What is the largest planet?\nA:",
    "Dear Sir or Madam,\n\n",
    "1, 2, 3, 4, 5, 6,",
    "The opposite of hot is",
    "In 1969, Neil Armstrong",
    "import numpy as np\n\nx = np.",
    "La capitale de l'Espagne est",
    "To make an omelette, you need",
    "<|im_start|>user\nWhat is 12 times 12?<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>user\nName a fruit.<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>user\nA farmer has 3 pens with 4 hens each. How many hens?<|im_end|>\n<|im_start|>assistant\n",
    "SELECT name FROM users WHERE",
    "The mitochondria is the",
    "\"To be, or not to be\" is",
]


def continuation(model, prompt, ids):
    """The model's greedy tokens behind `ids`, and log pi of each, in nats."""
    with torch.no_grad():
        greedy = model.generate(torch.tensor([ids]), max_new_tokens=TOKENS, do_sample=False)[0].tolist()
        logits = model(torch.tensor([greedy])).logits[0].double().log_softmax(-1)
    new = greedy[len(ids) :]
    log_probs = [round(logits[len(ids) - 1 + i, token].item(), 6) for i, token in enumerate(new)]
    return {"prompt": prompt, "ids": ids, "tokens": new, "logProbs": log_probs}
