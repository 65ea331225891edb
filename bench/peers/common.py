"""What the peers share: the model, peak memory, and the line of JSON that they print."""

import json
import os
import resource
import sys

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from transformers.utils import logging

logging.disable_progress_bar()


def settings() -> dict:
    """
    The one argument: {"model": shape or {"gguf": path}, "work": case, "dtype": "float32" | "bfloat16", "repeats": n,
    "threads": n}.
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
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=dtype)
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


def answer(tokens: int, seconds: list[float]) -> None:
    scale = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
    print(json.dumps({"tokens": tokens, "seconds": seconds, "peakBytes": peak}))
