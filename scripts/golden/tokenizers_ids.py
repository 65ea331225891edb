"""Golden files for the tokenizer wrapper: token ids and decoded texts by Python's transformers.

    pip install torch transformers
    python scripts/golden/tokenizers_ids.py

Writes src/transformer/testdata/game24-tokenizer.json (the embedded model's tokenizer, models/game24) and
src/transformer/testdata/tiny-bpe/: a small byte-level BPE tokenizer with its golden.json.
"""

import shutil

from common import TESTDATA, write_json
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

GAME24 = TESTDATA.parents[2] / "models" / "game24"
GAME24_TEXTS = [
    "4 9 10 13 = 24 :",
    "13 - 9 = 4 , 10 - 4 = 6 , 4 * 6 = 24",
    "4 , 5 : 6 = 7 / 8",
    "  7   8\n9\t0 200",
    "201 foo 13-9 1a \u00e9 + 4",
    "<s> 1 </s> 2<unk>3",
    "10</s>",
    " - ",
    "",
]
BPE_TEXTS = [
    "The answer is 42 .",
    "don't , isn't ! it 's \" fine \" ?",
    "two  spaces\nand a line\r\n\ttab ",
    "na\u00efve caf\u00e9 \u4f60\u597d \U0001f469\u200d\U0001f680 e\u0301",
    "<|im_start|>user\nhi<|im_end|>",
    " <s>a</s> ",
    "",
]


def describe(tokenizer, texts):
    cases = []
    for text in texts:
        plain = tokenizer(text, add_special_tokens=False).input_ids
        framed = tokenizer(text).input_ids
        decoded = tokenizer.decode(framed, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        cases.append({"text": text, "plain": plain, "framed": framed, "decoded": decoded})
    return {"size": len(tokenizer), "cases": cases}


def tiny_bpe():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["the answer is that it is the other answer and not an error"] * 3, trainer)
    tokenizer.add_special_tokens([AddedToken("<|im_start|>"), AddedToken("<|im_end|>")])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")


def main():
    write_json(TESTDATA / "game24-tokenizer.json", describe(AutoTokenizer.from_pretrained(GAME24), GAME24_TEXTS))
    folder = TESTDATA / "tiny-bpe"
    shutil.rmtree(folder, ignore_errors=True)
    tokenizer = tiny_bpe()
    tokenizer.chat_template = "{% for message in messages %}{{ message.content }}{% endfor %}"
    tokenizer.save_pretrained(folder)
    write_json(folder / "golden.json", describe(AutoTokenizer.from_pretrained(folder), BPE_TEXTS))


main()
