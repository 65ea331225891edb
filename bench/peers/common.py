"""What the peers share: the model, peak memory, and the line of JSON that they print."""

import json
import os
import resource
import sys

import torch
from transformers import AutoModelForCausalLM, GgufConfig, LlamaConfig, LlamaForCausalLM, PreTrainedModel
from transformers.utils import logging

logging.disable_progress_bar()


def settings() -> dict:
    """
    The one argument: {"model": shape or {"gguf": path}, "work": case, "dtype": "float32" | "bfloat16", "repeats": n,
    "threads": n}, and what else a script reads.
    """
    read = json.loads(sys.argv[1])
    torch.set_num_threads(read["threads"])
    torch.manual_seed(0)
    return read


def model_of(read: dict) -> LlamaForCausalLM:
    """The model of a GGUF file, without an end token, so that every response has its full length; or a random one of a shape."""
    path = read["model"].get("gguf")
    if path is None:
        return random_model(read)
    folder, name = os.path.split(path)
    dtype = getattr(torch, read["dtype"])
    # Unpacked once: with weights in blocks each pass would unpack them again, where there is a kernel for it.
    dense = GgufConfig(dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=dtype, quantization_config=dense)
    model.generation_config.eos_token_id = None
    return model


def random_model(read: dict) -> LlamaForCausalLM:
    shape = read["model"]
    config = LlamaConfig(
        vocab_size=shape["vocabSize"],
        hidden_size=shape["hiddenSize"],
        intermediate_size=shape["intermediateSize"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        num_key_value_heads=shape["kvHeads"],
        head_dim=shape["headDim"],
        rms_norm_eps=shape["rmsNormEps"],
        rope_theta=shape["ropeTheta"],
        max_position_embeddings=shape["maxPositions"],
        tie_word_embeddings=shape["tieWordEmbeddings"],
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
    )
    return LlamaForCausalLM(config).to(getattr(torch, read["dtype"]))


def log_probs_after(model: PreTrainedModel, rows: list[tuple[list[int], list[int]]]) -> list[float]:
    """Log π of each response after its prompt, in one padded batch; logits are computed at the responses' tokens alone."""
    width = max(len(prompt) + len(response) for prompt, response in rows)
    ids = torch.tensor([[*prompt, *response, *[0] * (width - len(prompt) - len(response))] for prompt, response in rows])
    mask = torch.tensor([[1] * (len(p) + len(r)) + [0] * (width - len(p) - len(r)) for p, r in rows])
    states = model.base_model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    sums = []
    for state, (prompt, response) in zip(states, rows, strict=True):
        logits = model.lm_head(state[len(prompt) - 1 : len(prompt) + len(response) - 1]).float()
        chosen = logits.gather(1, torch.tensor(response)[:, None])[:, 0]
        sums.append((chosen - logits.logsumexp(1)).sum().item())
    return sums


def answer(tokens: int, seconds: list[float], **more: object) -> None:
    """Prints the tokens of a repeat, the seconds of each, the peak of memory, and what else was found."""
    scale = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    rate = tokens / sorted(seconds)[len(seconds) // 2]
    found = {"tokens": tokens, "seconds": seconds, "tokensPerSecond": rate, "firstTokenSeconds": seconds[0]}
    print(json.dumps({**found, "peakBytes": peak, **more}))
