"""Golden file for the compute engine: values and gradients of its operators, optimizer steps and schedules by PyTorch.

    pip install torch transformers
    python scripts/golden/graph.py

Writes src/graph/testdata/golden.json. Each operator has its inputs, its output, the weights w of the loss sum(w * output)
and the gradients of that loss. Computed in float64 from inputs that float32 holds exactly.
src/graph/golden.test.ts builds the same operators under the same names.
"""

import torch
import torch.nn.functional as F
from common import TESTDATA, numbers, write_json
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb
from transformers.models.phi3.modeling_phi3 import apply_rotary_pos_emb as phi3_rotary

TARGET = TESTDATA.parents[1] / "graph" / "testdata" / "golden.json"
generator = torch.Generator().manual_seed(2412)


def floats(*shape, low=-2.0, high=2.0):
    values = low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)
    return (torch.round(values * 1024) / 1024).requires_grad_()


def constant(*shape):
    return floats(*shape).detach()


def integers(values):
    return torch.tensor(values, dtype=torch.int64)


def flat(tensor):
    return {
        "type": {torch.float64: "float32", torch.int64: "int64", torch.bool: "bool"}[tensor.dtype],
        "dims": list(tensor.shape),
        "data": numbers(tensor.detach().to(torch.float64).reshape(-1)),
    }


def layer_norm(x, scale, bias):
    return F.layer_norm(x, x.shape[-1:], scale, bias, eps=1e-2)


def rms_norm(x, scale):
    return F.rms_norm(x, x.shape[-1:], scale, eps=1e-3)


def rope(x, positions, cos, sin):
    """x [b, t, heads*d] as Hugging Face's Llama turns it; cos and sin [positions, d/2]."""
    half = cos.shape[1]
    heads = x.unflatten(-1, (-1, 2 * half)).transpose(1, 2)
    both = [torch.cat([table[positions], table[positions]], dim=-1) for table in (cos, sin)]
    turned, _ = apply_rotary_pos_emb(heads, heads, *both)
    return turned.transpose(1, 2).flatten(2)


def partial_rope(x, positions, cos, sin):
    """As Hugging Face's Phi-3 turns two heads of which only the first part is rotated."""
    heads = x.unflatten(-1, (2, -1)).transpose(1, 2)
    both = [torch.cat([table[positions], table[positions]], dim=-1) for table in (cos, sin)]
    turned, _ = phi3_rotary(heads, heads, *both)
    return turned.transpose(1, 2).flatten(2)


def token_log_prob(logits, ids):
    return torch.log_softmax(logits, -1).gather(1, ids[:, None])[:, 0]


def attention(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


POSITIVE = {"low": 0.5, "high": 2.0}


def operators():
    """name: (function of the inputs, the inputs)."""
    tied = torch.tensor([[1.0, 3, 3, -1], [2, 2, 2, 2], [0, -1, 5, 4]], dtype=torch.float64, requires_grad=True)
    condition = torch.tensor([[True], [False], [True]])
    ids = integers([[1, 4, 1], [0, 1, 4]])
    return {
        "add": (torch.add, [floats(2, 1, 3), floats(4, 3)]),
        "sub": (torch.sub, [floats(3), floats(2, 3)]),
        "mul": (torch.mul, [floats(2, 3), floats(2, 1)]),
        "div": (torch.div, [floats(2, 3), floats(3, **POSITIVE)]),
        "pow": (torch.pow, [floats(2, 3, **POSITIVE), floats(3)]),
        "square": (lambda x: x**2, [floats(2, 3)]),
        "min": (torch.minimum, [floats(5), floats(5)]),
        "max": (torch.maximum, [floats(5), floats(5)]),
        "neg": (torch.neg, [floats(4)]),
        "exp": (torch.exp, [floats(4)]),
        "log": (torch.log, [floats(4, **POSITIVE)]),
        "sqrt": (torch.sqrt, [floats(4, **POSITIVE)]),
        "sigmoid": (torch.sigmoid, [floats(4, low=-8, high=8)]),
        "tanh": (torch.tanh, [floats(4, low=-4, high=4)]),
        "silu": (F.silu, [floats(4, low=-8, high=8)]),
        "geluTanh": (lambda x: F.gelu(x, approximate="tanh"), [floats(6, low=-5, high=5)]),
        "where": (torch.where, [condition, floats(3, 2), floats(2)]),
        "reduceSum": (lambda x: x.sum((0, 2)), [floats(2, 3, 2)]),
        "reduceMean": (lambda x: x.mean(-1, keepdim=True), [floats(2, 3)]),
        "reduceMax with ties": (lambda x: x.amax(-1), [tied]),
        "cumSum": (lambda x: x.cumsum(1), [floats(2, 4)]),
        "softmax": (lambda x: x.softmax(-1), [floats(3, 5, low=-6, high=6)]),
        "logSoftmax": (lambda x: x.log_softmax(-1), [floats(3, 5, low=-6, high=6)]),
        "reshape": (lambda x: x.reshape(3, 4), [floats(2, 6)]),
        "transpose": (lambda x: x.permute(2, 0, 1), [floats(2, 3, 2)]),
        "expand": (lambda x: x.expand(3, 2, 4), [floats(2, 1)]),
        "concat": (lambda a, b: torch.cat([a, b, a], 1), [floats(2, 2), floats(2, 1)]),
        "split": (lambda x: x.split([1, 3, 2], 1)[1], [floats(2, 6)]),
        "slice": (lambda x: x[:, 1:3], [floats(2, 5)]),
        "embedding": (lambda x, i: F.embedding(i, x), [floats(5, 3), ids]),
        "gather": (lambda x, i: x.index_select(1, i), [floats(2, 4, 2), integers([3, 0, 3, 3])]),
        "gatherElements": (lambda x, i: x.gather(1, i), [floats(2, 4), integers([[1, 1, 3], [0, 2, 0]])]),
        "gatherND": (lambda x, i: x[i[:, 0], i[:, 1]], [floats(3, 4, 2), integers([[0, 3], [2, 1], [0, 3], [1, 0]])]),
        "scatterElementsAdd": (
            lambda x, i, u: x.scatter_add(1, i, u),
            [floats(2, 4), integers([[1, 1, 3], [0, 0, 0]]), floats(2, 3)],
        ),
        "scatterNDAdd": (
            lambda x, i, u: x.index_put((i[:, 0], i[:, 1]), u, accumulate=True),
            [floats(3, 3, 2), integers([[0, 2], [2, 1], [0, 2], [0, 2]]), floats(4, 2)],
        ),
        "matMul": (torch.matmul, [floats(2, 1, 2, 3), floats(4, 3, 2)]),
        "matMul of transposes": (
            lambda a, b: 0.25 * (a.transpose(-1, -2) @ b.transpose(-1, -2)),
            [floats(2, 3, 2), floats(2, 4, 3)],
        ),
        "linear": (F.linear, [floats(2, 3, 4), floats(5, 4)]),
        "rmsNorm": (rms_norm, [floats(2, 3, 6), floats(6)]),
        "layerNorm": (layer_norm, [floats(2, 3, 6), floats(6), floats(6)]),
        "rotaryEmbedding": (rope, [floats(2, 3, 16), integers([[0, 1, 2], [5, 3, 3]]), constant(6, 4), constant(6, 4)]),
        "rotaryEmbedding of a head's first part": (
            partial_rope,
            [floats(2, 2, 12), integers([[0, 1], [5, 3]]), constant(6, 2), constant(6, 2)],
        ),
        "token log-probability": (token_log_prob, [floats(3, 6, low=-5, high=5), integers([2, 0, 2])]),
        "causal attention": (attention, [floats(2, 4, 3), floats(2, 4, 3), floats(2, 4, 3)]),
    }


def operator_case(function, inputs):
    output = function(*inputs)
    weights = constant(*output.shape)
    wrt = [x for x in inputs if x.requires_grad]
    gradients = torch.autograd.grad((output * weights).sum(), wrt)
    return {
        "inputs": [flat(x) | {"differentiate": x.requires_grad} for x in inputs],
        "weights": flat(weights),
        "output": flat(output),
        "gradients": [flat(gradient) for gradient in gradients],
    }


def adamw_case(options):
    """Five steps from fixed gradients, with the norm clipped before each and the rate on a schedule."""
    parameters = [constant(3, 2).float().requires_grad_(), constant(4).float().requires_grad_()]
    optimizer = torch.optim.AdamW(parameters, foreach=False, **options)
    steps = []
    start = [flat(parameter.double()) for parameter in parameters]
    for step in range(5):
        rate = options["lr"] * (1 - step / 5)
        for group in optimizer.param_groups:
            group["lr"] = rate
        gradients = [constant(*parameter.shape).float() for parameter in parameters]
        raw = [flat(gradient.double()) for gradient in gradients]
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient
        norm = torch.nn.utils.clip_grad_norm_(parameters, 2.0)
        clipped = [flat(parameter.grad.double()) for parameter in parameters]
        optimizer.step()
        after = [flat(parameter.double()) for parameter in parameters]
        steps.append({"rate": rate, "gradients": raw, "norm": numbers(norm), "clipped": clipped, "parameters": after})
    return {"options": options, "start": start, "steps": steps}


def schedule_factors(make, steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(optimizer)
    factors = []
    for _ in range(steps + 1):
        factors.append(float(f"{schedule.get_last_lr()[0]:.9g}"))
        optimizer.step()
        schedule.step()
    return factors


def main():
    torch.set_num_threads(1)
    schedules = torch.optim.lr_scheduler
    write_json(
        TARGET,
        {
            "operators": {name: operator_case(*case) for name, case in operators().items()},
            "adamW": [
                adamw_case({"lr": 0.1, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0}),
                adamw_case({"lr": 0.05, "betas": [0.8, 0.95], "eps": 1e-3, "weight_decay": 0.3}),
            ],
            "schedules": {
                "linear": schedule_factors(lambda o: schedules.LinearLR(o, 1.0, 0.0, total_iters=8), 8),
                "cosine": schedule_factors(lambda o: schedules.CosineAnnealingLR(o, T_max=8), 8),
            },
        },
    )


if __name__ == "__main__":
    main()
