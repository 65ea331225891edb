"""Models with LoRA adapters under training: log-probabilities, gradients, AdamW steps, samples, and checkpoints."""

from __future__ import annotations

import atexit
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

import torch
import torch.distributed as dist
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.utils.checkpoint import checkpoint
from transformers import AutoModelForCausalLM, PreTrainedModel

from wire import Datum

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj")
MLP = ("gate_proj", "up_proj", "down_proj", "gate_up_proj")
T = TypeVar("T")
#: A response: why it ended, its tokens, and their log π at temperature 1 in nats.
Drawn = tuple[str, list[int], list[float]]
#: Positions whose logits are in memory at once.
POSITIONS = 1024


class Refused(Exception):
    """A request that cannot be done; the sentence is for its sender."""


@dataclass
class Adapter:
    """An adapter under training, with its optimizer's state."""

    config: LoraConfig
    optimizer: torch.optim.AdamW
    parameters: list[tuple[str, torch.nn.Parameter]]
    gathered: bool = False
    steps: int = 0


@dataclass(frozen=True)
class Wanted:
    """One sample to draw."""

    prompt: list[int]
    seed: int
    temperature: float
    max_tokens: int
    stop: tuple[int, ...]
    top_p: float = 1.0


#: Drawn by a process that has nothing to draw while others do.
COMPANY = Wanted([0], 0, 0.0, 0, ())


def load_base(base: str, dtype: torch.dtype) -> PreTrainedModel:
    """A model of a folder or id, or of a .gguf file, whose weights are then dequantized; in the processor's memory."""
    if base.endswith(".gguf"):
        folder, file = os.path.split(os.path.abspath(base))
        return AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=dtype)
    return AutoModelForCausalLM.from_pretrained(base, dtype=dtype)


def shard(model: PreTrainedModel, device: torch.device) -> None:
    """
    Spreads the weights of the layers over the processes (FSDP2): each is whole only while it computes. Embeddings, last norm and head stay
    whole everywhere, and so do adapters, which are added later.
    """
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    decoder = model.base_model
    for layer in decoder.layers:
        fully_shard(layer, mesh=mesh)
    sharded = set(decoder.layers.parameters())
    fully_shard(decoder, mesh=mesh, ignored_params={p for p in model.parameters() if p not in sharded})


def leave() -> NoReturn:
    """
    Ends a process that was one of several, once all is done. Python's own end could abort it: threads of gloo may still hold tensors of the
    last exchange, and cannot let go of them while the interpreter ends (pytorch/pytorch#179291). What is registered to run at the end does.
    """
    dist.destroy_process_group()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def should_shard(model: PreTrainedModel, device: torch.device) -> bool:
    """Whether the weights would take more than half of a GPU's memory; activations and adapters want the rest."""
    if device.type != "cuda":
        return False
    size = sum(p.numel() * p.element_size() for p in model.parameters())
    return size > torch.cuda.get_device_properties(device).total_memory / 2


class Engine:
    """
    One base model and any number of adapters. Of several processes each takes a share of the sequences; gradients are summed. Each holds the
    whole base, or a share of it: `sharded` says which, None: as the GPU's memory is.
    """

    def __init__(
        self, base: str, dtype: torch.dtype, device: torch.device, tokens: int, rows: int, saving: bool, sharded: bool | None = None
    ) -> None:
        self.base, self.device, self.tokens, self.rows = base, device, tokens, rows
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        self.world = dist.get_world_size() if dist.is_initialized() else 1
        self.model = load_base(base, dtype)
        self.model.requires_grad_(False)
        self.sharded = self.world > 1 and (should_shard(self.model, device) if sharded is None else sharded)
        if self.sharded:
            shard(self.model, device)
        self.model.to(device)
        self.model.eval()
        if saving:
            self.model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
            self.model.enable_input_require_grads()
        self.saving = saving
        last = {name.rsplit(".", 1)[-1] for name, module in self.model.named_modules() if isinstance(module, torch.nn.Linear)}
        #: The names of the linears of a layer that an adapter may change.
        self.linears = [name for name in ATTENTION + MLP if name in last]
        self.peft: PeftModel | None = None
        self.adapters: dict[str, Adapter] = {}

    def create(self, name: str, rank: int, alpha: float, targets: Sequence[str], seed: int) -> None:
        """Starts an adapter that changes nothing yet; its A is as the seed has it, whatever was drawn before."""
        if unknown := [target for target in targets if target not in self.linears]:
            raise Refused(f"{self.base} has no linear {unknown[0]}; it has {', '.join(self.linears)}")
        config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(targets), task_type="CAUSAL_LM", lora_dropout=0.0)
        config.base_model_name_or_path = self.base
        torch.manual_seed(seed)
        if self.peft is None:
            self.peft = get_peft_model(self.model, config, adapter_name=name)
        else:
            self.peft.add_adapter(name, config)
        self.peft.set_adapter(name)
        own = [(key, p) for key, p in self.peft.named_parameters() if f".{name}." in key and ".lora_" in key]
        for _, parameter in own:
            parameter.data = parameter.data.float()
        optimizer = torch.optim.AdamW([p for _, p in own], lr=0.0, foreach=False)
        self.adapters[name] = Adapter(config, optimizer, own)

    def remove(self, name: str) -> None:
        """Forgets an adapter."""
        if self.adapters.pop(name, None) is not None and self.peft is not None:
            self.peft.delete_adapter(name)

    def use(self, name: str | None) -> Adapter | None:
        """Makes an adapter the one that counts; None: the base alone."""
        if self.peft is None:
            return None
        if name is None:
            self.peft.base_model.disable_adapter_layers()
            return None
        self.peft.base_model.enable_adapter_layers()
        self.peft.set_adapter(name)
        return self.adapters[name]

    def _share_of(self, rank: int, sizes: Sequence[int]) -> list[list[int]]:
        """A process's batches: sequences of like length together, as many as `tokens` hold; the same for the same request."""
        order = sorted(range(len(sizes)), key=lambda i: (sizes[i], i))[rank :: self.world]
        batches: list[list[int]] = []
        for i in order:
            if not batches or (len(batches[-1]) + 1) * sizes[i] > self.tokens:
                batches.append([])
            batches[-1].append(i)
        return batches

    def _share(self, sizes: Sequence[int]) -> list[list[int]]:
        """This process's batches. Where weights are shared all processes pass as often: a batch of none keeps the others company."""
        own = self._share_of(self.rank, sizes)
        if not self.sharded:
            return own
        most = max(len(self._share_of(rank, sizes)) for rank in range(self.world))
        return own + [[]] * (most - len(own))

    def _gather(self, own: dict[int, T], count: int) -> list[T]:
        """What every process has computed of its share, in order."""
        if self.world > 1:
            parts: list[dict[int, T]] = [{}] * self.world
            dist.all_gather_object(parts, own)
            own = {i: one for part in parts for i, one in part.items()}
        return [own[i] for i in range(count)]

    def _chosen(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """log π of given tokens [P] after hidden states [P, size], in float32."""

        def part(states: Tensor, wanted: Tensor) -> Tensor:
            logits = self.model.get_output_embeddings()(states).float()
            soft_cap = getattr(self.model.config, "final_logit_softcapping", None)
            if soft_cap:
                logits = torch.tanh(logits / soft_cap) * soft_cap
            return logits.gather(-1, wanted[:, None])[:, 0] - logits.logsumexp(-1)

        rows = zip(hidden.split(POSITIONS), targets.split(POSITIONS))
        if torch.is_grad_enabled():
            return torch.cat([checkpoint(part, states, wanted, use_reentrant=False) for states, wanted in rows])
        return torch.cat([part(states, wanted) for states, wanted in rows])

    def passes(self, name: str | None, data: Sequence[Datum], backward: bool) -> list[list[float]]:
        """
        log π of each target whose weight is not zero (0 elsewhere), in nats, in the order given. With `backward`, adds the gradient of
        −Σ weight · log π to what the adapter's next step takes.
        """
        adapter = self.use(name)
        self.model.train(backward and self.saving)
        own: dict[int, list[float]] = {}
        for batch in self._share([len(datum.tokens) for datum in data]):
            longest = max((len(data[i].tokens) for i in batch), default=1)
            ids = torch.zeros(max(len(batch), 1), longest, dtype=torch.long)
            mask = torch.zeros_like(ids)
            targets, weights = torch.zeros_like(ids), torch.zeros(ids.shape)
            if not batch:
                mask[:] = 1
            for row, i in enumerate(batch):
                size = len(data[i].tokens)
                ids[row, :size], mask[row, :size] = torch.tensor(data[i].tokens), 1
                targets[row, :size], weights[row, :size] = torch.tensor(data[i].targets), torch.tensor(data[i].weights)
            wanted = weights != 0
            row_values = torch.zeros(ids.shape)
            if wanted.any() or self.sharded:
                inside = wanted.to(self.device)
                with torch.set_grad_enabled(backward):
                    states = self.model.base_model(
                        input_ids=ids.to(self.device), attention_mask=mask.to(self.device), use_cache=False
                    ).last_hidden_state[inside]
                    # Nothing is wanted of a batch that keeps others company.
                    chosen = self._chosen(states, targets.to(self.device)[inside]) if wanted.any() else states.float().sum(-1)
                    if backward:
                        (-(chosen * weights.to(self.device)[inside]).sum()).backward()
                row_values[wanted] = chosen.detach().float().cpu()
            for row, i in enumerate(batch):
                own[i] = row_values[row, : len(data[i].tokens)].tolist()
        if backward and adapter is not None:
            adapter.gathered = True
        return self._gather(own, len(data))

    def step(self, name: str, rate: float, betas: tuple[float, float], eps: float, decay: float, clip: float) -> float:
        """
        An AdamW step along the gathered gradient, which is then forgotten; `clip` of 0 is none. Returns the gradient's joint norm before
        clipping. A gradient that is not finite is refused, and changes nothing.
        """
        adapter = self.adapters[name]
        if not adapter.gathered:
            raise Refused("there is no gradient to step along")
        grads = []
        for _, parameter in adapter.parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            if self.world > 1:
                dist.all_reduce(parameter.grad)
            grads.append(parameter.grad)
        norm = math.sqrt(sum(float(grad.double().square().sum()) for grad in grads))
        if math.isfinite(norm):
            if clip > 0 and (scale := clip / (norm + 1e-6)) < 1:
                for grad in grads:
                    grad.mul_(scale)
            for group in adapter.optimizer.param_groups:
                group.update(lr=rate, betas=betas, eps=eps, weight_decay=decay)
            adapter.optimizer.step()
            adapter.steps += 1
        self.forget(name)
        if not math.isfinite(norm):
            raise Refused("the gradient is not finite; the parameters are as they were")
        return norm

    def forget(self, name: str) -> None:
        """Drops what was gathered."""
        adapter = self.adapters[name]
        adapter.optimizer.zero_grad(set_to_none=True)
        adapter.gathered = False

    def save(self, name: str, path: Path) -> None:
        """Writes everything that the next step depends on, whole or not at all."""
        adapter = self.adapters[name]
        tensors = {key: p.data for key, p in adapter.parameters}
        for key, parameter in adapter.parameters:
            state = adapter.optimizer.state.get(parameter, {})
            for moment in ("exp_avg", "exp_avg_sq"):
                tensors[f"{moment}:{key}"] = state.get(moment, torch.zeros_like(parameter.data))
        config = adapter.config
        facts = {"name": name, "steps": adapter.steps, "rank": config.r, "alpha": config.lora_alpha}
        targets = ",".join(sorted(config.target_modules or []))
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        metadata = {**{key: str(value) for key, value in facts.items()}, "targets": targets}
        save_file({key: tensor.contiguous().cpu() for key, tensor in tensors.items()}, partial, metadata=metadata)
        os.replace(partial, path)

    def load(self, name: str, path: Path, with_optimizer: bool) -> None:
        """Continues from what `save` wrote, to the bit; what was gathered is dropped."""
        adapter = self.adapters[name]
        with safe_open(path, "pt") as file:
            facts = file.metadata()
            was = (int(facts["rank"]), float(facts["alpha"]), facts["targets"])
            now = (adapter.config.r, float(adapter.config.lora_alpha), ",".join(sorted(adapter.config.target_modules or [])))
            if was != now:
                raise Refused(f"the checkpoint is of rank, alpha and targets {was}, the adapter of {now}")
            steps = int(facts["steps"])
            for key, parameter in adapter.parameters:
                saved = key.replace(f".{name}.", f".{facts['name']}.")
                parameter.data.copy_(file.get_tensor(saved))
                if with_optimizer and steps > 0:
                    moments = {m: file.get_tensor(f"{m}:{saved}").to(self.device) for m in ("exp_avg", "exp_avg_sq")}
                    adapter.optimizer.state[parameter] = {"step": torch.tensor(float(steps)), **moments}
        adapter.steps = steps if with_optimizer else 0
        self.forget(name)

    def export(self, name: str, folder: Path) -> None:
        """Writes the adapter as peft does: adapter_config.json and adapter_model.safetensors."""
        if self.peft is None:
            raise Refused("there is no adapter")
        folder.mkdir(parents=True, exist_ok=True)
        state = get_peft_model_state_dict(self.peft, adapter_name=name, save_embedding_layers=False)
        save_file({key: value.contiguous().cpu() for key, value in state.items()}, folder / "adapter_model.safetensors", metadata={"format": "pt"})
        config = LoraConfig(**{**self.adapters[name].config.to_dict(), "inference_mode": True})
        config.target_modules = sorted(config.target_modules or [])
        config.save_pretrained(str(folder))

    @torch.no_grad()
    def sample(self, name: str | None, wanted: Sequence[Wanted]) -> list[Drawn]:
        """Draws responses, each from its own seed. Temperature 0 is the likeliest token."""
        self.use(name)
        self.model.eval()
        ended: dict[int, Drawn] = {}
        order = sorted(range(len(wanted)), key=lambda i: (len(wanted[i].prompt), i))[self.rank :: self.world]
        # The first process has the most; where weights are shared all draw as often.
        most = -(-len(wanted) // self.world) if self.sharded else len(order)
        for at in range(0, most, self.rows):
            batch = order[at : at + self.rows]
            for i, drawn in zip(batch, self._draw([wanted[i] for i in batch] or [COMPANY])):
                ended[i] = drawn
        return self._gather(ended, len(wanted))

    def _goes_on(self, open_rows: set[int]) -> bool:
        """Whether a response is still open, here or, where weights are shared, in another process."""
        if not self.sharded:
            return bool(open_rows)
        count = torch.tensor([len(open_rows)], device=self.device)
        dist.all_reduce(count)
        return bool(count.item())

    def _draw(self, rows: Sequence[Wanted]) -> list[Drawn]:
        longest = max(len(row.prompt) for row in rows)
        # Prompts end together: a row's next token is in the last column.
        ids = torch.tensor([[0] * (longest - len(row.prompt)) + row.prompt for row in rows], device=self.device)
        mask = torch.tensor([[0] * (longest - len(row.prompt)) + [1] * len(row.prompt) for row in rows], device=self.device)
        places = (mask.cumsum(-1) - 1).clamp(min=0)
        streams = [torch.Generator().manual_seed(row.seed & (2**63 - 1)) for row in rows]
        temperatures = torch.tensor([row.temperature or 1.0 for row in rows], device=self.device)[:, None]
        tokens: list[list[int]] = [[] for _ in rows]
        values: list[list[float]] = [[] for _ in rows]
        reasons = ["length"] * len(rows)
        open_rows = {r for r, row in enumerate(rows) if row.max_tokens > 0}
        cache = None
        while self._goes_on(open_rows):
            out = self.model(input_ids=ids, attention_mask=mask, position_ids=places, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache = out.past_key_values
            log_probs = out.logits[:, -1].float().log_softmax(-1)
            tempered = (log_probs / temperatures).softmax(-1).double().cpu()
            picked = log_probs.argmax(-1).cpu()
            for r in sorted(open_rows):
                if rows[r].temperature > 0:
                    picked[r] = _pick(tempered[r], float(torch.rand((), generator=streams[r], dtype=torch.float64)), rows[r].top_p)
            said = log_probs.cpu().gather(-1, picked[:, None])[:, 0]
            for r in sorted(open_rows):
                token = int(picked[r])
                tokens[r].append(token)
                values[r].append(float(said[r]))
                if token in rows[r].stop:
                    reasons[r] = "stop"
                if token in rows[r].stop or len(tokens[r]) >= rows[r].max_tokens:
                    open_rows.discard(r)
            ids = picked[:, None].to(self.device)
            mask = torch.cat([mask, mask.new_ones(len(rows), 1)], -1)
            places = places[:, -1:] + 1
        return list(zip(reasons, tokens, values))


def _pick(masses: Tensor, uniform: float, top_p: float) -> int:
    """The token of a uniform by inverse CDF, of the fewest of the likeliest that have `top_p` together."""
    if top_p < 1:
        sorted_masses, order = masses.sort(descending=True)
        kept = int((sorted_masses.cumsum(0) < top_p * float(masses.sum())).sum()) + 1
        narrowed = torch.zeros_like(masses)
        narrowed[order[:kept]] = sorted_masses[:kept]
        masses = narrowed
    cumulative = masses.cumsum(0)
    place = int(torch.searchsorted(cumulative, uniform * float(cumulative[-1]), right=True))
    return min(place, int(masses.nonzero()[-1]))
