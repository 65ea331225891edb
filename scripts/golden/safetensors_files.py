"""Golden files for the safetensors reader and writer, written by Python's safetensors.

    pip install torch safetensors
    python scripts/golden/safetensors_files.py

Writes src/transformer/testdata/safetensors/: float32.safetensors (the writer must give the same bytes),
dtypes.safetensors with dtypes.json (what its tensors hold), and nonfinite.safetensors.
"""

import torch
from common import TESTDATA, numbers, write_json
from safetensors.torch import save_file

FOLDER = TESTDATA / "safetensors"


def finite_words(step, dtype):
    """Every `step`-th 16-bit word and the edges of the format, without those that are NaN or infinite."""
    edges = [0, 1, 0x3FF, 0x400, 0x7BFF, 0x7F7F, 0x8000, 0x8001, 0x83FF, 0x8400, 0xFBFF, 0xFF7F]
    words = torch.tensor(sorted(set(range(0, 1 << 16, step)) | set(edges)), dtype=torch.int32)
    values = words.to(torch.int16).view(dtype)
    return values[torch.isfinite(values)]


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(4)
    float32 = {
        "b.weight": torch.randn(3, 5, generator=generator),
        "a.weight": torch.randn(7, generator=generator),
        "10": torch.randn(2, 2, 2, generator=generator),
        "9": torch.tensor(0.1),
        "empty": torch.zeros(0, 4),
        "\u00e9\U0001f600": torch.tensor([1.0, -0.0]),
    }
    save_file(float32, FOLDER / "float32.safetensors", metadata={"format": "pt"})
    dtypes = {
        "f32": torch.tensor([0.1, -1e-45, 3.4028234663852886e38, 1.1754943508222875e-38]),
        "f16": finite_words(131, torch.float16),
        "bf16": finite_words(131, torch.bfloat16),
        "i64": torch.tensor([[0, -1, 16777216], [-16777216, 7, 1 << 40]]),
        "bool": torch.tensor([True, False, True]),
    }
    save_file(dtypes, FOLDER / "dtypes.safetensors")
    expected = {
        name: {"shape": list(tensor.shape), "data": numbers(tensor.flatten().float())}
        for name, tensor in dtypes.items()
        if name != "bool"
    }
    write_json(FOLDER / "dtypes.json", expected)
    nonfinite = {"nan": torch.tensor([1.0, float("nan")]), "inf": torch.tensor([float("-inf"), 2.0], dtype=torch.bfloat16)}
    save_file(nonfinite, FOLDER / "nonfinite.safetensors")
    write_json(
        FOLDER / "float32.json",
        {name: {"shape": list(t.shape), "data": numbers(t.flatten())} for name, t in float32.items()},
    )


main()
