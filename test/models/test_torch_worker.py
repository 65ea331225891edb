"""The worker's own tests, without a server around it: python -m unittest test_torch_worker, with trainers/torch on the path."""

import json
import math
import struct
import tempfile
import unittest
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor
from transformers import LlamaConfig, LlamaForCausalLM

import worker
from engine import Engine, Refused, Wanted, leave
from wire import Datum, read_forward_backward, write_forward_backward


def tiny_base(folder: str) -> str:
    """A random Llama of two layers."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=40, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=64, bos_token_id=1, eos_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def datum(tokens: list[int], weight: float = 1.0) -> Datum:
    """All tokens but the first are learned from."""
    return Datum(tokens[:-1], tokens[1:], [weight] * (len(tokens) - 1))


DATA = [datum([1, 5, 9]), datum([1, 7, 3, 4, 8, 30]), datum([2, 2]), datum([3, 1, 4, 1, 5], 0.5), datum([6, 6, 6])]
WISHES = [Wanted([1, 5, 9][: 1 + i % 3], 10 + i, 1.0, 3 + 2 * i, (2,)) for i in range(3)]


def of_one_process(rank: int, world: int, base: str, place: str, sharded: bool) -> None:
    """Passes, two steps and samples of one of several processes; the first writes down what it found."""
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{place}.meeting", rank=rank, world_size=world)
    engine = Engine(base, torch.float32, torch.device("cpu"), 8, 2, sharded, sharded)
    own = sum(p.to_local().numel() if isinstance(p, DTensor) else p.numel() for p in engine.model.parameters())
    engine.create("a", 2, 4.0, ["q_proj", "down_proj"], 7)
    found: dict[str, object] = {"numbers": own, "norms": []}
    for _ in range(2):
        engine.passes("a", DATA, True)
        found["norms"].append(engine.step("a", 0.01, (0.9, 0.999), 1e-8, 0.0, 0.0))
    found["rows"] = engine.passes("a", DATA, False)
    found["drawn"] = engine.sample("a", WISHES)
    found["base"] = engine.passes(None, DATA[:1], False)
    if rank == 0:
        Path(place).write_text(json.dumps(found))
    if world > 1:
        leave()


class ProcessesTest(unittest.TestCase):
    """Several processes, each with the whole base or with a share of its layers, find what one finds."""

    def found(self, world: int, sharded: bool) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            base, place = tiny_base(folder), f"{folder}/found.json"
            if world == 1:
                of_one_process(0, 1, base, place, False)
            else:
                torch.multiprocessing.spawn(of_one_process, (world, base, place, sharded), nprocs=world)
            return json.loads(Path(place).read_text())

    def test_they_find_what_one_finds(self) -> None:
        one = self.found(1, False)
        for world, sharded in ((2, False), (3, True)):
            several = self.found(world, sharded)
            for key in ("norms", "rows", "base"):
                torch.testing.assert_close(flat(several[key]), flat(one[key]), rtol=1e-4, atol=1e-5)
            self.assertEqual([tokens for _, tokens, _ in several["drawn"]], [tokens for _, tokens, _ in one["drawn"]])
            self.assertLess(several["numbers"], 0.8 * one["numbers"]) if sharded else self.assertEqual(several["numbers"], one["numbers"])


def flat(numbers: Any) -> torch.Tensor:
    """All numbers of lists in lists."""
    return torch.tensor(numbers) if not isinstance(numbers[0], list) else torch.cat([flat(each) for each in numbers])


class WithEngine(unittest.TestCase):
    """Tests of a model in memory."""

    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.base = tiny_base(self.folder.name)
        self.engine = self.make()

    def make(self, tokens: int = 64, rows: int = 4, saving: bool = False) -> Engine:
        engine = Engine(self.base, torch.float32, torch.device("cpu"), tokens, rows, saving)
        engine.create("a", 2, 4.0, ["q_proj", "down_proj"], 7)
        return engine


class EngineTest(WithEngine):
    """Passes, steps and samples."""

    def test_batches_change_nothing(self) -> None:
        data = [datum([1, 5, 9]), datum([1, 7, 3, 4, 8, 30]), datum([2, 2])]
        for tokens in (4, 64):
            engine = self.make(tokens)
            for row, alone in zip(engine.passes("a", data, False), (engine.passes("a", [each], False)[0] for each in data)):
                self.assertTrue(all(abs(x - y) < 1e-5 for x, y in zip(row, alone)))

    def test_checkpointing_gives_the_same_gradient(self) -> None:
        norms = []
        for saving in (False, True):
            engine = self.make(saving=saving)
            engine.passes("a", [datum([1, 5, 9, 11]), datum([4, 6])], True)
            norms.append(engine.step("a", 1e-2, (0.9, 0.999), 1e-8, 0.0, 0.0))
        self.assertAlmostEqual(norms[0], norms[1], places=5)

    def test_a_gradient_that_is_not_finite_changes_nothing(self) -> None:
        before = [p.detach().clone() for _, p in self.engine.adapters["a"].parameters]
        self.engine.passes("a", [datum([1, 5, 9], math.inf)], True)
        with self.assertRaisesRegex(Refused, "not finite"):
            self.engine.step("a", 1e-2, (0.9, 0.999), 1e-8, 0.0, 0.0)
        for (_, after), was in zip(self.engine.adapters["a"].parameters, before):
            self.assertTrue(torch.equal(after, was))
        with self.assertRaisesRegex(Refused, "no gradient"):
            self.engine.step("a", 1e-2, (0.9, 0.999), 1e-8, 0.0, 0.0)

    def test_what_is_saved_goes_on_to_the_bit(self) -> None:
        path = Path(self.folder.name) / "saved.safetensors"

        def step(engine: Engine, name: str) -> float:
            engine.passes(name, [datum([1, 5, 9, 3])], True)
            return engine.step(name, 1e-2, (0.9, 0.999), 1e-8, 0.1, 1.0)

        step(self.engine, "a")
        self.engine.save("a", path)
        wanted = [step(self.engine, "a") for _ in range(3)]
        self.engine.create("b", 2, 4.0, ["q_proj", "down_proj"], 1)
        self.engine.load("b", path, True)
        self.assertEqual([step(self.engine, "b") for _ in range(3)], wanted)

    def test_a_sample_is_a_function_of_its_seed(self) -> None:
        wanted = [Wanted([1, 5], seed, 1.0, 6, (2,)) for seed in range(6)] + [Wanted([1, 3, 4, 9], 9, 0.7, 6, (2,), 0.8)]
        together = self.engine.sample("a", wanted)
        for one, (reason, tokens, values) in zip(wanted, together):
            alone = self.engine.sample("a", [one])[0]
            self.assertEqual((alone[0], alone[1]), (reason, tokens))
            self.assertTrue(all(abs(x - y) < 1e-4 for x, y in zip(alone[2], values)))
            scored = self.engine.passes("a", [datum([*one.prompt, *tokens])], False)[0][len(one.prompt) - 1 :]
            self.assertTrue(all(abs(x - y) < 1e-4 for x, y in zip(scored, values)))


class TasksTest(WithEngine):
    """Requests and their results."""

    def setUp(self) -> None:
        super().setUp()
        self.tasks = worker.Tasks(self.engine, Path(self.folder.name) / "state")

    def test_a_request_that_comes_twice_is_done_once(self) -> None:
        first = self.tasks.ask(("step", {"model": "a"}), "a", 3)
        self.assertEqual(self.tasks.ask(("step", {"model": "a"}), "a", 3), first)
        self.assertNotEqual(self.tasks.ask(("step", {"model": "a"}), "a", 4), first)
        self.assertEqual(self.tasks.inbox.qsize(), 2)

    def test_results_do_not_pile_up_and_none_that_is_waited_for_is_dropped(self) -> None:
        waiting = self.tasks.ask(("step", {}), "a", 0)
        for number in range(1, 3 * worker.MOST_RESULTS):
            done = self.tasks.ask(("step", {}), "a", number)
            self.tasks.futures[done].done.set()
        self.assertIn(waiting, self.tasks.futures)
        self.assertLessEqual(len(self.tasks.futures), worker.MOST_RESULTS + 1)
        self.assertEqual(len(self.tasks.known), len(self.tasks.futures))

    def test_ending_writes_nothing(self) -> None:
        self.tasks.ask(("end", {}))
        self.tasks.run()
        self.assertFalse(self.tasks.state.exists())

    def test_a_path_of_weights_leads_nowhere_else(self) -> None:
        for path in ("tinker://../weights/a", "tinker://m/weights/..", "tinker://m/other/a", "/etc/passwd", "tinker://m/weights/a/b"):
            with self.assertRaises(Refused):
                self.tasks.weights(path)


class WireTest(unittest.TestCase):
    """Messages, whole and malformed."""

    def test_log_probabilities_lie_between_offsets(self) -> None:
        body = write_forward_backward([[-1.0, -2.0], [-3.0]], 6.0)
        self.assertIn(struct.pack("<fff", -1, -2, -3), body)
        self.assertIn(struct.pack("<qqq", 0, 8, 12), body)

    def test_malformed_requests_are_refused(self) -> None:
        for body in (b"\x1a\xff", b"\x1a\x05\x01", b"\xff" * 11, b"\x1a\x02\x12\x00", b"\x0b"):
            with self.assertRaises(ValueError):
                read_forward_backward(body)


if __name__ == "__main__":
    unittest.main()
