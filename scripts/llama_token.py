"""Whether llama.cpp computes on this machine: decodes a token with a tiny model as it is, and with its matrices in blocks of 4 bits, whose
kernels are other ones. A library that loads may still crash at its first multiplication. argv: the model's GGUF file."""

import os
import sys
import tempfile

import llama_cpp
import pydantic_settings  # noqa: F401  what the server imports, too
import starlette_context  # noqa: F401
import sse_starlette  # noqa: F401
import fastapi  # noqa: F401
import uvicorn  # noqa: F401
import yaml  # noqa: F401


def decode(path):
    model = llama_cpp.Llama(path, n_ctx=64, n_threads=1, n_threads_batch=1, verbose=False)
    # Several positions at once, then one: products of matrices, then of a matrix and a vector.
    model.eval([1, 2, 3, 4])
    model.eval([model.sample(temp=0.0)])
    token = model.sample(temp=0.0)
    if not 0 <= token < model.n_vocab():
        raise SystemExit(f"no token: {token}")


def main():
    path = sys.argv[1]
    decode(path)
    with tempfile.TemporaryDirectory() as folder:
        blocks = os.path.join(folder, "blocks.gguf")
        params = llama_cpp.llama_model_quantize_default_params()
        params.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0
        if llama_cpp.llama_model_quantize(path.encode(), blocks.encode(), params) != 0:
            raise SystemExit("the model cannot be quantized")
        decode(blocks)


main()
