"""
From a GGUF file to the first token of a response with transformers; the imports are outside, as they are for whetstone. The prompt is a
text, or as many random tokens; the tokenizer is loaded for either, as the others load theirs.
"""

import os
import time

import torch
from transformers import AutoTokenizer

from common import answer, model_of, settings

read = settings()
work = read["work"]
start = time.perf_counter()
folder, name = os.path.split(read["model"]["gguf"])
tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
model = model_of(read).eval()
if "promptTokens" in work:
    ids = torch.randint(1, model.config.vocab_size, (1, work["promptTokens"]))
else:
    ids = tokenizer(work["prompt"], return_tensors="pt")["input_ids"]
with torch.no_grad():
    drawn = model.generate(
        ids, attention_mask=torch.ones_like(ids), do_sample=True, top_k=0, max_new_tokens=1, pad_token_id=0
    )
answer(drawn.shape[1] - ids.shape[1], [time.perf_counter() - start])
