"""Log π of given responses with transformers: batches of similar length, padded, eight at a time. "given" is the path of a file of pairs."""

import json
import time

import torch

from common import answer, log_probs_after, model_of, settings

BATCH = 8

read = settings()
with open(read["given"], encoding="utf-8") as file:
    given = json.load(file)
pairs = [(pair["prompt"], pair["response"]) for pair in given["pairs"]]
model = model_of(read).eval()
order = sorted(range(len(pairs)), key=lambda i: len(pairs[i][0]) + len(pairs[i][1]))
sums = [0.0] * len(pairs)
with torch.no_grad():
    log_probs_after(model, pairs[:2])
    start = time.perf_counter()
    for at in range(0, len(order), BATCH):
        batch = order[at : at + BATCH]
        for i, value in zip(batch, log_probs_after(model, [pairs[i] for i in batch]), strict=True):
            sums[i] = value
    seconds = time.perf_counter() - start
per = given["each"]
best = [max(range(at, at + per), key=lambda i: sums[i]) - at for at in range(0, len(pairs), per)]
answer(sum(len(prompt) + len(response) for prompt, response in pairs), [seconds], sums=sums, best=best)
