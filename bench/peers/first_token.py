"""From a GGUF file to the first token of a response with transformers; the imports are outside, as they are for whetstone."""

import os
import time

import torch
from transformers import AutoTokenizer

from common import answer, model_of, settings

read = settings()
start = time.perf_counter()
folder, name = os.path.split(read["model"]["gguf"])
tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
model = model_of(read).eval()
prompt = tokenizer(read["work"]["prompt"], return_tensors="pt")
with torch.no_grad():
    drawn = model.generate(**prompt, do_sample=True, top_k=0, max_new_tokens=1, pad_token_id=0)
answer(drawn.shape[1] - prompt["input_ids"].shape[1], [time.perf_counter() - start])
