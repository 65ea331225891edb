"""Runs the embedded model in Python's transformers: its distributions, greedy answers and samples, as one JSON object.

    python game24.py model_folder < {"rows": [[token, ...]], "prompts": [text, ...], "samples": n, "seed": s}
"""

import json
import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def main():
    folder = sys.argv[1]
    request = json.load(sys.stdin)
    torch.set_num_threads(2)
    torch.manual_seed(request["seed"])
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def texts(prompts, **options):
        ids = tokenizer(prompts, return_tensors="pt").input_ids
        out = model.generate(ids, max_new_tokens=18, **options)
        return tokenizer.batch_decode(out[:, ids.shape[1] :], skip_special_tokens=True)

    with torch.no_grad():
        distributions = [model(torch.tensor([row])).logits[0, -1].log_softmax(-1).tolist() for row in request["rows"]]
        greedy = texts(request["prompts"], do_sample=False)
        sampled = texts(
            request["prompts"],
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            num_return_sequences=request["samples"],
        )
    print(json.dumps({"distributions": distributions, "greedy": greedy, "sampled": sampled}))


main()
