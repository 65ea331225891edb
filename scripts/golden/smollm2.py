"""Golden files for SmolLM2-135M-Instruct: what transformers computes from its GGUF file, and what its tokenizer gives.

    pip install torch transformers gguf
    python scripts/golden/smollm2.py "$(npm run -s fetch:smollm2)"

Writes test/models/smollm2.golden.json: greedy continuations of 20 prompts with the log-probability of each token, and
the token ids of 500 texts. The tokenizer is built by Python's tokenizers from the file's vocabulary and merges with the
parts of the model's own tokenizer.json: each digit alone, then GPT-2's splitting. (transformers, given the GGUF file,
leaves the digits together, and so disagrees with the model's own files.)
"""

import json
import random
import sys
from pathlib import Path

import torch
from continuations import PROMPTS, continuation
from gguf import GGUFReader
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModelForCausalLM

OUT = Path(__file__).resolve().parents[2] / "test" / "models" / "smollm2.golden.json"
PIECES = [
    "the", "The", " quick", "hello", "world", "don't", "we'll", "I'M", "'s", "12", "3.14159", "1,000,000", "0x1F", "2024-11-24",
    " ", "  ", "    ", "\n", "\n\n", "\t", "\r\n", "\u00a0", "\u3000", "\u200b", ".", "...", "?!", "\u2014", "\u201cq\u201d", "()", "[]{}", "<>", "@#$%^&*",
    "caf\u00e9", "na\u00efve", "\u00dcber", "stra\u00dfe", "e\u0301", "\u65e5\u672c\u8a9e", "\u4f60\u597d", "\ud55c\uad6d\uc5b4", "\u0440\u0443\u0441\u0441\u043a\u0438\u0439", "\u0627\u0644\u0639\u0631\u0628\u064a\u0629", "\u05e2\u05d1\u05e8\u05d9\u05ea", "\u0939\u093f\u0928\u094d\u0926\u0940",
    "\u0e44\u0e17\u0e22", "\U0001f600", "\U0001f44d\U0001f3fd", "\U0001f1eb\U0001f1f7", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u2764\ufe0f", "\u0664\u0662", "\u2167", "\u00bd", "\u00b2", "\u4e09",
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|im_start", "user", "assistant", "<jupyter_code>", "</s>", "def f(x):", "return", "==", "//",
    "https://a.b/c?d=e", "a@b.co", "\\boxed{42}", "$x^2$", "\u0000", "\u0007", "\ufffd", "aaaaaaaaaaaa", "supercalifragilistic", "XYZ",
]


def build_tokenizer(path):
    reader = GGUFReader(path)
    field = lambda name: reader.fields[name]  # noqa: E731
    texts = lambda name: [bytes(field(name).parts[i]).decode() for i in field(name).data]  # noqa: E731
    tokens = texts("tokenizer.ggml.tokens")
    kinds = [int(field("tokenizer.ggml.token_type").parts[i][0]) for i in field("tokenizer.ggml.token_type").data]
    merges = [tuple(merge.split(" ")) for merge in texts("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t, kind in zip(tokens, kinds) if kind == 3])
    return tokenizer


def texts():
    rng = random.Random(500)
    made = ["", " ", "\n", "a", "0"]
    while len(made) < 500:
        made.append("".join(rng.choice(PIECES) + rng.choice(["", "", " "]) for _ in range(rng.randint(1, 9))))
    return made


def main():
    path = Path(sys.argv[1])
    torch.set_num_threads(2)
    tokenizer = build_tokenizer(path)
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    continuations = [continuation(model, prompt, tokenizer.encode(prompt).ids) for prompt in PROMPTS]
    cases = []
    for text in texts():
        ids = tokenizer.encode(text).ids
        cases.append([text, ids, tokenizer.decode(ids, skip_special_tokens=True)])
    OUT.write_text(json.dumps({"continuations": continuations, "texts": cases}) + "\n", encoding="utf-8")


main()
