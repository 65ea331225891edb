#!/usr/bin/env python3
"""
Trains LoRA adapters for whetstone, over the part of Tinker's protocol that it speaks: python worker.py --base <folder|id|file.gguf>.
For several GPUs: torchrun --standalone --nproc-per-node <count> worker.py …; each then takes a share of the sequences.
"""

from __future__ import annotations

import argparse
import hmac
import io
import ipaddress
import json
import os
import queue
import re
import secrets
import socket
import tarfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import torch
import torch.distributed as dist

from engine import ATTENTION, MLP, Engine, Refused, Wanted, leave
from wire import PROTOBUF, Datum, read_forward_backward, write_forward_backward, write_sample

#: How long a question for a result is held open, in seconds: shorter than proxies' patience.
HELD = 20.0
MOST_BYTES = 1 << 30
#: Results that are kept for a client that asks for one again: each at most some megabytes, the latest.
MOST_RESULTS = 512
NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")
Task = tuple[Literal["create", "passes", "step", "save", "load", "export", "unload", "sample", "end"], dict[str, Any]]


@dataclass
class Future:
    """What a request will have come to."""

    done: threading.Event
    key: tuple[str, str, int] | None = None
    kind: str = "application/json"
    content: bytes = b""
    error: str | None = None


class Tasks:
    """The one thread that computes: requests in the order in which they came, samples of one adapter together."""

    def __init__(self, engine: Engine, state: Path) -> None:
        self.engine, self.state = engine, state
        self.inbox: queue.Queue[tuple[Task, Future]] = queue.Queue()
        self.futures: dict[str, Future] = {}
        self.known: dict[tuple[str, str, int], str] = {}
        self.lock = threading.Lock()

    def ask(self, task: Task, model_id: str = "", seq_id: int | None = None) -> str:
        """The id of a task's future; a task that comes again under its number is not done again."""
        with self.lock:
            key = (task[0], model_id, -1 if seq_id is None else seq_id)
            if seq_id is not None and key in self.known:
                return self.known[key]
            request_id = secrets.token_hex(8)
            self.futures[request_id] = Future(threading.Event(), None if seq_id is None else key)
            if seq_id is not None:
                self.known[key] = request_id
            self._drop_old()
            self.inbox.put((task, self.futures[request_id]))
        return request_id

    def _drop_old(self) -> None:
        """Drops the oldest results beyond what is kept; what is not done yet somebody waits for."""
        over = len(self.futures) - MOST_RESULTS
        for request_id in [each for each, future in self.futures.items() if future.done.is_set()][: max(0, over)]:
            key = self.futures.pop(request_id).key
            if key is not None:
                del self.known[key]

    def weights(self, path: str) -> Path:
        """The file of `tinker://<model>/weights/<name>`."""
        parts = path.removeprefix("tinker://").split("/")
        if len(parts) != 3 or parts[1] != "weights" or not NAME.fullmatch(parts[0]) or not NAME.fullmatch(parts[2]):
            raise Refused("a path of weights is tinker://<model>/weights/<name>")
        return self.state / parts[0] / "weights" / f"{parts[2]}.safetensors"

    def exported(self, model_id: str, name: str) -> Path:
        """The folder of an adapter that was saved for sampling."""
        return self.state / model_id / "sampler_weights" / name

    def run(self) -> None:
        """Computes until the task `end`. Other processes of torchrun do the same task at the same time."""
        while True:
            batch = [self.inbox.get()]
            key = batch[0][0][1].get("model")
            while batch[0][0][0] == "sample" and not self.inbox.empty():
                following = self.inbox.queue[0][0]
                if following[0] != "sample" or following[1].get("model") != key:
                    break
                batch.append(self.inbox.get())
            tasks = [task for task, _ in batch]
            if self.engine.world > 1:
                dist.broadcast_object_list([tasks], src=0)
            try:
                results: list[tuple[str, bytes] | str] = list(self.perform(tasks))
            except Refused as refused:
                results = [str(refused)] * len(batch)
            except (RuntimeError, ValueError, OSError, KeyError) as error:
                results = [f"{type(error).__name__}: {error}"] * len(batch)
            for (_, future), result in zip(batch, results):
                if isinstance(result, str):
                    future.error = result
                else:
                    future.kind, future.content = result
                future.done.set()
            if tasks[0][0] == "end":
                return

    def follow(self) -> None:
        """Does what the first process does, without its inbox."""
        while True:
            box: list[Any] = [None]
            dist.broadcast_object_list(box, src=0)
            try:
                self.perform(box[0])
            except (Refused, RuntimeError, ValueError, OSError, KeyError):
                pass  # The first process met the same, and tells it.
            if box[0][0][0] == "end":
                return

    def perform(self, tasks: list[Task]) -> list[tuple[str, bytes]]:
        """Does tasks, of which there are several only where they are samples."""
        engine, (name, values) = self.engine, tasks[0]
        first = engine.rank == 0
        if name == "sample":
            return self.draw([values for _, values in tasks])
        if name == "create":
            engine.create(values["model"], values["rank"], values["alpha"], values["targets"], values["seed"])
            return [_json({"type": "create_model", "model_id": values["model"]})]
        if name == "passes":
            rows = engine.passes(values["model"], values["data"], values["backward"])
            losses = zip(values["data"], rows)
            loss = -sum(w * v for datum, row in losses for w, v in zip(datum.weights, row) if w)
            return [(PROTOBUF, write_forward_backward(rows, loss))]
        if name == "step":
            adam = values["adam"]
            betas = (adam.get("beta1", 0.9), adam.get("beta2", 0.95))
            norm = engine.step(
                values["model"], adam.get("learning_rate", 1e-4), betas, adam.get("eps", 1e-12),
                adam.get("weight_decay", 0.0), adam.get("grad_clip_norm", 0.0),
            )  # fmt: skip
            return [_json({"type": "optim_step", "metrics": {"grad_norm": norm}})]
        if name == "save":
            if first:
                engine.save(values["model"], self.weights(values["path"]))
            return [_json({"type": "save_weights", "path": values["path"]})]
        if name == "load":
            engine.load(values["model"], self.weights(values["path"]), values["optimizer"])
            return [_json({"type": "load_weights"})]
        if name == "export":
            if first:
                engine.export(values["model"], self.exported(values["model"], values["name"]))
            return [_json({"type": "save_weights_for_sampler", "path": values["path"]})]
        if name == "unload":
            engine.remove(values["model"])
            return [_json({"type": "unload_model", "model_id": values["model"]})]
        return [_json({"type": "end"})]

    def draw(self, asked: list[dict[str, Any]]) -> list[tuple[str, bytes]]:
        """Samples, and the log-probabilities of prompts where they are wanted."""
        wanted = [each for one in asked for each in one["wanted"]]
        drawn = iter(self.engine.sample(asked[0]["model"], wanted))
        answers: list[tuple[str, bytes]] = []
        for one in asked:
            rows = [next(drawn) for _ in one["wanted"]]
            scored = None
            if one["scored"] is not None:
                scored = [None, *self.engine.passes(asked[0]["model"], [one["scored"]], False)[0]]
            answers.append((PROTOBUF, write_sample(rows, scored)))
        return answers


def _json(value: dict[str, Any]) -> tuple[str, bytes]:
    return "application/json", json.dumps(value).encode()


class Server(ThreadingHTTPServer):
    """Answers requests; nothing is computed here."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, place: tuple[str, int], tasks: Tasks, key: str | None) -> None:
        self.tasks, self.key = tasks, key
        self.heard = time.monotonic()
        self.models: dict[str, dict[str, Any]] = {}
        self.sequence = 0
        super().__init__(place, Handler)


class Unknown(Exception):
    """A request for something that is not there."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged."""

    def do_GET(self) -> None:
        """Questions about the server, and adapters."""
        self._guarded(self._get)

    def do_DELETE(self) -> None:
        """Checkpoints that are of no use any more."""
        self._guarded(self._delete)

    def do_POST(self) -> None:
        """Everything else."""
        self._guarded(self._post)

    def _guarded(self, answer: Callable[[], tuple[str, bytes]]) -> None:
        status = 200
        try:
            size = int(self.headers.get("content-length") or 0)
            if not 0 <= size <= MOST_BYTES:
                raise Refused("the request is too large")
            self.body = self.rfile.read(size)
            if self.headers.get("origin"):
                raise PermissionError("requests of web pages are refused")
            key = self.server.key
            if key is not None and self.path != "/api/v1/healthz":
                if not hmac.compare_digest(self.headers.get("x-api-key", "").encode(), key.encode()):
                    raise PermissionError("the key is missing or wrong")
            kind, content = answer()
        except PermissionError as error:
            status, (kind, content) = 401, _json({"detail": str(error)})
        except Unknown as error:
            status, (kind, content) = 404, _json({"detail": str(error)})
        except TimeoutError:
            status, (kind, content) = 408, _json({"detail": "not done yet; ask again"})
        except (Refused, KeyError, TypeError, ValueError) as error:
            missing = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            status, (kind, content) = 400, _json({"detail": missing})
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _get(self) -> tuple[str, bytes]:
        if self.path == "/api/v1/healthz":
            return _json({"status": "ok"})
        engine = self.server.tasks.engine
        if self.path == "/api/v1/get_server_capabilities":
            known = {"linears": engine.linears, "dtype": str(engine.model.dtype).removeprefix("torch.")}
            known["device"], known["processes"] = str(engine.device), str(engine.world)
            return _json({"supported_models": [{"model_name": engine.base}], "whetstone": known})
        archive = re.fullmatch(r"/api/v1/training_runs/([\w-]+)/checkpoints/([\w-]+)/archive", self.path)
        if archive is None:
            raise Unknown("there is no such route")
        folder = self.server.tasks.exported(archive[1], archive[2])
        if not folder.is_dir():
            raise Unknown("there is no such adapter")
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            for file in ("adapter_config.json", "adapter_model.safetensors"):
                tar.add(folder / file, arcname=file)
        return "application/gzip", packed.getvalue()

    def _delete(self) -> tuple[str, bytes]:
        named = re.fullmatch(r"/api/v1/training_runs/([\w-]+)/checkpoints/weights/([\w-]+)", self.path)
        file = self.server.tasks.weights(f"tinker://{named[1]}/weights/{named[2]}") if named else None
        if file is None or not file.is_file():
            raise Unknown("there is no such checkpoint")
        file.unlink()
        return _json({"type": "deleted"})

    def _post(self) -> tuple[str, bytes]:
        server, tasks = self.server, self.server.tasks
        route = self.path.removeprefix("/api/v1/")
        if route == "forward_backward":
            server.heard = time.monotonic()
            asked = read_forward_backward(self.body)
            if asked.loss_fn != "cross_entropy":
                raise Refused(f"the loss {asked.loss_fn} is not known; cross_entropy with weights is")
            self._model(asked.model_id)
            values = {"model": asked.model_id, "data": asked.data, "backward": not asked.forward_only}
            return self._asked(("passes", values), asked.model_id, asked.seq_id or None)
        body = json.loads(self.body)
        if route == "retrieve_future":
            return self._result(str(body["request_id"]))
        server.heard = time.monotonic()
        if route == "create_session":
            return _json({"type": route, "session_id": f"session_{secrets.token_hex(4)}"})
        if route == "session_heartbeat":
            return _json({"type": route})
        if route == "create_model":
            return self._create(body)
        if route == "asample":
            return self._sample(body)
        model, seq = str(body["model_id"]), body.get("seq_id")
        self._model(model)
        if route == "get_info":
            return _json({"model_id": model, "model_data": {"model_name": tasks.engine.base, "lora": server.models[model]}})
        if route == "optim_step":
            return self._asked(("step", {"model": model, "adam": body["adam_params"]}), model, seq)
        if route == "unload_model":
            server.models.pop(model)
            return self._asked(("unload", {"model": model}), model, seq)
        if route == "load_weights":
            if not tasks.weights(body["path"]).is_file():
                raise Unknown(f"there is no {body['path']}")
            return self._asked(("load", {"model": model, "path": body["path"], "optimizer": body.get("optimizer", True)}), model, seq)
        if route in ("save_weights", "save_weights_for_sampler"):
            name, sampler = str(body["path"]), route.endswith("sampler")
            if not NAME.fullmatch(name):
                raise Refused("a name has letters, digits, _ and -")
            path = f"tinker://{model}/{'sampler_weights' if sampler else 'weights'}/{name}"
            return self._asked(("export" if sampler else "save", {"model": model, "path": path, "name": name}), model, seq)
        raise Unknown("there is no such route")

    def _asked(self, task: Task, model: str = "", seq: int | None = None) -> tuple[str, bytes]:
        return _json({"request_id": self.server.tasks.ask(task, model, seq)})

    def _model(self, model: str) -> None:
        if model not in self.server.models:
            raise Unknown(f"there is no model {model}")

    def _create(self, body: dict[str, Any]) -> tuple[str, bytes]:
        server, lora = self.server, body["lora_config"]
        linears = server.tasks.engine.linears
        named = (ATTENTION if lora.get("train_attn", True) else ()) + (MLP if lora.get("train_mlp", True) else ())
        targets = lora.get("target_modules") or [name for name in named if name in linears]
        rank = int(lora["rank"])
        shape = {"rank": rank, "alpha": float(lora.get("alpha") or 2 * rank), "targets": targets, "seed": int(lora.get("seed") or 0)}
        model = f"model_{secrets.token_hex(6)}"
        server.models[model] = shape
        request_id = server.tasks.ask(("create", {"model": model, **shape}))
        return _json({"model_id": model, "request_id": request_id, "lora_config": shape})

    def _sample(self, body: dict[str, Any]) -> tuple[str, bytes]:
        path, model = body.get("model_path"), None
        if path is not None:
            # What an adapter was saved as for sampling is what it is until its next step.
            model = str(path).removeprefix("tinker://").split("/")[0]
            self._model(model)
        prompt = [int(token) for chunk in body["prompt"]["chunks"] for token in chunk["tokens"]]
        if not prompt:
            raise Refused("the prompt is empty")
        given = body["sampling_params"]
        stop = tuple(int(token) for token in given.get("stop") or [])
        count, seed, most = int(body.get("num_samples", 1)), int(given.get("seed") or 0), int(given.get("max_tokens") or 0)
        heat, top_p = float(given.get("temperature", 1.0)), float(given.get("top_p", 1.0))
        wanted = [Wanted(prompt, seed + i, heat, most, stop, top_p) for i in range(count)]
        scored = None
        if body.get("prompt_logprobs"):
            scored = Datum(prompt[:-1], prompt[1:], [1.0] * (len(prompt) - 1))
        return self._asked(("sample", {"model": model, "wanted": wanted, "scored": scored}))

    def _result(self, request_id: str) -> tuple[str, bytes]:
        future = self.server.tasks.futures.get(request_id)
        if future is None:
            raise Unknown("there is no such request")
        if not future.done.wait(HELD):
            raise TimeoutError
        if future.error is not None:
            raise Refused(future.error)
        return future.kind, future.content


def serve(tasks: Tasks, options: argparse.Namespace, key: str | None) -> None:
    """Answers until the client is gone for `--idle` minutes, then ends; what the client had saved stays in the state."""
    host, _, port = options.listen.rpartition(":")
    server = Server((host, int(port)), tasks, key)
    # Who listens everywhere is reached by the machine's own address.
    reached = socket.gethostbyname(socket.gethostname()) if host in ("", "0.0.0.0") else host
    place = f"http://{reached}:{server.server_address[1]}"
    if options.announce:
        partial = Path(f"{options.announce}.partial")
        partial.write_text(json.dumps({"url": place, "pid": os.getpid()}))
        os.replace(partial, options.announce)
    print(f"whetstone's worker: {tasks.engine.base} on {tasks.engine.device}, {place}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def watch() -> None:
        while time.monotonic() - server.heard < options.idle * 60:
            time.sleep(min(1.0, options.idle * 6))
        print(f"nobody asked for {options.idle:g} minutes: the worker ends; what was saved stays in {tasks.state}", flush=True)
        tasks.inbox.put((("end", {}), Future(threading.Event())))

    threading.Thread(target=watch, daemon=True).start()
    tasks.run()
    server.shutdown()


def end_with_parent() -> None:
    """Ends this process once torchrun, which started it, is gone: killed at once, it has told nobody."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", required=True, help="a folder or id of Hugging Face layout, or a .gguf file")
    parser.add_argument("--listen", default="127.0.0.1:0", help="where to listen; elsewhere than on loopback a token file is needed")
    parser.add_argument("--token-file", type=Path, help="a file with the key that requests must give")
    parser.add_argument("--state", type=Path, default=Path("worker-state"), help="a folder for checkpoints and adapters")
    parser.add_argument("--announce", help="a file to write the address to, once requests are answered")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), help="default: bfloat16 on a GPU, float32 elsewhere")
    parser.add_argument("--checkpointing", action="store_true", help="compute activations twice, to keep fewer of them")
    parser.add_argument("--tokens", type=int, default=16384, help="tokens of a pass, padding included")
    parser.add_argument("--rows", type=int, default=64, help="responses that are drawn at once")
    parser.add_argument(
        "--shard", choices=("auto", "yes", "no"), default="auto",
        help="whether processes hold a share of the base's layers each, or all of it (default: a share where it would fill half of a GPU)",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, help="threads of a pass on the CPU")
    parser.add_argument("--idle", type=float, default=30.0, help="minutes without a client after which the worker ends")
    options = parser.parse_args()
    host = options.listen.rpartition(":")[0]
    key = options.token_file.read_text().strip() if options.token_file else None
    if key is None and not (host == "localhost" or ipaddress.ip_address(host or "0.0.0.0").is_loopback):
        parser.error(f"--listen {options.listen} can be reached from elsewhere: give --token-file")
    if options.threads:
        torch.set_num_threads(options.threads)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        end_with_parent()
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    named = options.dtype or ("bfloat16" if device.type == "cuda" else "float32")
    sharded = {"auto": None, "yes": True, "no": False}[options.shard]
    engine = Engine(options.base, getattr(torch, named), device, options.tokens, options.rows, options.checkpointing, sharded)
    tasks = Tasks(engine, options.state.expanduser())
    if engine.rank == 0:
        serve(tasks, options, key)
    else:
        tasks.follow()
    if dist.is_initialized():
        leave()


if __name__ == "__main__":
    main()
