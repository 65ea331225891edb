"""
Sampling with llama.cpp: a prompt is decoded once, its cells are shared by all responses, and each step is one batch of them all, at
temperature 1 over all tokens. The one argument: {"gguf": path, "n": …, "prompt": …, "tokens": …, "threads": …}. Of that many threads and
half as many it takes what draws faster. With 0 tokens there is the first one alone; with "apart" the pass over the prompt is told apart.
"""

import ctypes
import json
import random
import resource
import sys
import time

import llama_cpp as llama

read = json.loads(sys.argv[1])
n, length, tokens, threads = (read[name] for name in ("n", "prompt", "tokens", "threads"))
started = time.perf_counter()
llama.llama_backend_init()
silence = llama.llama_log_callback(lambda level, text, data: None)
llama.llama_log_set(silence, ctypes.c_void_p(0))
model = llama.llama_model_load_from_file(read["gguf"].encode(), llama.llama_model_default_params())
parameters = llama.llama_context_default_params()
parameters.n_ctx = length + n * (tokens + 2) + 64
parameters.n_batch = max(512, length, n)
parameters.n_ubatch = max(512, n)
parameters.n_seq_max = n
parameters.n_threads = threads
parameters.n_threads_batch = threads
parameters.kv_unified = True
context = llama.llama_init_from_model(model, parameters)
memory = llama.llama_get_memory(context)
size = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
sampler = llama.llama_sampler_init_dist(1)
random.seed(1)
prompt = [random.randrange(size) for _ in range(length)]
batch = llama.llama_batch_init(max(length, n), 0, 1)


def decode(entries: list[tuple[int, int, int, bool]]) -> None:
    batch.n_tokens = len(entries)
    for i, (token, position, sequence, wanted) in enumerate(entries):
        batch.token[i] = token
        batch.pos[i] = position
        batch.n_seq_id[i] = 1
        batch.seq_id[i][0] = sequence
        batch.logits[i] = wanted
    if llama.llama_decode(context, batch) != 0:
        sys.exit("llama_decode failed")


def draw(count: int, new_tokens: int, of: list[int]) -> tuple[float, float]:
    """Draws `count` responses to a prompt. Returns the seconds of the pass over the prompt, and of the steps after it."""
    begun = time.perf_counter()
    llama.llama_memory_clear(memory, True)
    decode([(token, at, 0, at == len(of) - 1) for at, token in enumerate(of)])
    chain = [llama.llama_sampler_sample(sampler, context, len(of) - 1) for _ in range(count)]
    passed = time.perf_counter()
    for sequence in range(1, count):
        llama.llama_memory_seq_cp(memory, 0, sequence, -1, -1)
    for step in range(1, new_tokens):
        decode([(token, len(of) + step - 1, sequence, True) for sequence, token in enumerate(chain)])
        chain = [llama.llama_sampler_sample(sampler, context, sequence) for sequence in range(count)]
    return passed - begun, time.perf_counter() - passed


def fastest_threads() -> int:
    """Of all threads and half of them, by the least of two short draws of each."""
    taken = {}
    for count in sorted({threads, max(1, threads // 2)}, reverse=True):
        llama.llama_set_n_threads(context, count, count)
        taken[count] = min(sum(draw(n, 6, prompt[:32])) for _ in range(2))
    return min(taken, key=lambda count: taken[count])


apart = read.get("apart", False)
draw(1, 1, prompt[:100] if apart else prompt)
found = {"firstTokenSeconds": time.perf_counter() - started}
if tokens > 0:
    best = fastest_threads()
    llama.llama_set_n_threads(context, best, best)
    of_prompt, of_steps = draw(n, tokens, prompt)
    found["threads"] = best
    found["tokensPerSecond"] = n * (tokens - 1) / of_steps if apart else n * tokens / (of_prompt + of_steps)
    found["promptTokensPerSecond"] = length / of_prompt
found["peakBytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps(found))
