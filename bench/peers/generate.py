"""Sampling with transformers' generate: all responses of a prompt as one batch, at temperature 1 over all tokens."""

import time

import torch

from common import answer, model_of, settings

read = settings()
work = read["work"]
model = model_of(read).eval()
prompts = torch.randint(1, model.config.vocab_size, (work["prompts"], work["promptTokens"]))


def generate(new_tokens: int) -> int:
    drawn = model.generate(
        prompts,
        attention_mask=torch.ones_like(prompts),
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        num_return_sequences=work["responses"],
        max_new_tokens=new_tokens,
        pad_token_id=0,
    )
    return drawn.shape[0] * (drawn.shape[1] - prompts.shape[1])


generate(2)
seconds = []
tokens = 0
for _ in range(read["repeats"]):
    start = time.perf_counter()
    tokens = generate(work["newTokens"])
    seconds.append(time.perf_counter() - start)
answer(tokens, seconds)
