"""
Best of N by log-likelihood with transformers: `generate` draws all responses of a prompt as one batch at temperature 1 over all tokens, then
one pass scores them, padded, eight at a time. "given" is the path of a file of prompts; "repeat" says whose turn it is.
"""

import json
import time

import torch

from common import answer, log_probs_after, model_of, settings

BATCH = 8

read = settings()
with open(read["given"], encoding="utf-8") as file:
    given = json.load(file)
each = given["promptsEach"]
prompts = given["tokens"][read["repeat"] * each : (read["repeat"] + 1) * each]
ends = set(given["ends"])
model = model_of(read).eval()


def response_of(ids: list[int]) -> list[int]:
    """Up to the end token, which belongs to it."""
    stop = next((i for i, token in enumerate(ids) if token in ends), len(ids) - 1)
    return ids[: stop + 1]


def best_of(prompt: list[int], count: int, new_tokens: int) -> int:
    """Draws and chooses. Returns the tokens of the responses."""
    ids = torch.tensor([prompt])
    drawn = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        num_return_sequences=count,
        max_new_tokens=new_tokens,
        eos_token_id=given["ends"],
        pad_token_id=given["ends"][0],
    )
    responses = [response_of(row) for row in drawn[:, len(prompt) :].tolist()]
    order = sorted(range(count), key=lambda i: len(responses[i]))
    scores = {}
    for at in range(0, count, BATCH):
        batch = order[at : at + BATCH]
        scores.update(zip(batch, log_probs_after(model, [(prompt, responses[i]) for i in batch]), strict=True))
    max(scores, key=lambda i: scores[i])
    return sum(len(response) for response in responses)


with torch.no_grad():
    best_of(prompts[0], 2, 2)
    start = time.perf_counter()
    tokens = sum(best_of(prompt, read["n"], given["maxTokens"]) for prompt in prompts)
    seconds = time.perf_counter() - start
answer(tokens, [seconds], secondsEach=seconds / len(prompts))
