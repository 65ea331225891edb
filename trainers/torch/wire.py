"""The part of Tinker's protobuf messages that a trainer needs, read and written by hand: a page of code in place of a dependency."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

PROTOBUF = "application/x-protobuf"
_FLOAT32, _INT64 = 1, 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True)
class Datum:
    """A sequence: what the model reads, what it is to say after each token, and how much each of these weighs."""

    tokens: list[int]
    targets: list[int]
    weights: list[float]


@dataclass(frozen=True)
class ForwardBackward:
    """A request to score sequences, and to gather a gradient unless it is forward only."""

    model_id: str
    seq_id: int | None
    loss_fn: str
    forward_only: bool
    data: list[Datum] = field(default_factory=list)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("a number is cut off")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        size = 8
        if kind == _FIXED32:
            size = 4
        elif kind == _BYTES:
            size, at = _varint(data, at)
        elif kind != _FIXED64:
            raise ValueError(f"a field of the unknown kind {kind}")
        if at + size > len(data):
            raise ValueError("a field is cut off")
        yield number, data[at : at + size]
        at += size


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where bytes were expected")
    return value


def _array(value: bytes, dtype: str) -> list[float]:
    if len(value) % np.dtype(dtype).itemsize:
        raise ValueError("a tensor is cut off")
    return np.frombuffer(value, dtype=dtype).tolist()


def _tensor(data: bytes) -> list[float]:
    dense, dtype = b"", 0
    for number, value in _fields(data):
        if number == 1:
            dense = _bytes(value)
        elif number == 3:
            dtype = int(value)
    if dtype not in (_FLOAT32, _INT64):
        raise ValueError(f"a tensor of the type {dtype}; float32 and int64 are known")
    return _array(dense, "<f4" if dtype == _FLOAT32 else "<i8")


def _datum(data: bytes) -> Datum:
    tokens: list[int] = []
    inputs: dict[str, list[float]] = {}
    for number, value in _fields(data):
        if number == 1:
            for kind, chunk in _fields(_bytes(value)):
                if kind != 1:
                    raise ValueError("only tokens are trained on, no images")
                for inner, packed in _fields(_bytes(chunk)):
                    if inner == 1:
                        tokens += [int(token) for token in _array(_bytes(packed), "<i4")]
        elif number == 2:
            entry = dict(_fields(_bytes(value)))
            inputs[_bytes(entry.get(1, b"")).decode()] = _tensor(_bytes(entry.get(2, b"")))
    targets = [int(target) for target in inputs.get("target_tokens", [])]
    weights = inputs.get("weights", [1.0] * len(targets))
    if not len(tokens) == len(targets) == len(weights):
        raise ValueError("tokens, target_tokens and weights differ in length")
    return Datum(tokens, targets, weights)


def read_forward_backward(body: bytes) -> ForwardBackward:
    """Reads a ForwardBackwardRequest. Raises ValueError with what is wrong."""
    model_id, seq_id, loss_fn, forward_only = "", None, "", False
    data: list[Datum] = []
    for number, value in _fields(body):
        if number == 1:
            model_id = _bytes(value).decode()
        elif number == 2:
            seq_id = int(value)
        elif number == 3:
            data.append(_datum(_bytes(value)))
        elif number == 4:
            loss_fn = _bytes(value).decode()
        elif number == 6:
            forward_only = bool(value)
    return ForwardBackward(model_id, seq_id, loss_fn, forward_only, data)


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _field(number: int, value: bytes) -> bytes:
    return _number(number << 3 | _BYTES) + _number(len(value)) + value


def write_forward_backward(log_probs: Sequence[Sequence[float]], loss: float) -> bytes:
    """Writes a ForwardBackwardOutput: the targets' log-probabilities, and the sum of the losses."""
    arrays = [np.asarray(row, dtype="<f4") for row in log_probs]
    offsets = np.cumsum([0, *(array.nbytes for array in arrays)], dtype="<i8")
    packed = _field(1, b"".join(array.tobytes() for array in arrays)) + _field(2, offsets.tobytes())
    tensor = packed + _number(3 << 3) + _number(_FLOAT32)
    record = _field(2, _field(1, b"logprobs") + _field(2, tensor)) + _number(3 << 3) + _number(len(arrays))
    metric = _field(1, b"loss:sum") + _number(2 << 3 | _FIXED64) + struct.pack("<d", loss)
    return _field(1, b"TensorData") + _field(2, record) + _field(3, metric)


def write_sample(
    sequences: Sequence[tuple[str, Sequence[int], Sequence[float]]], prompt: Sequence[float | None] | None
) -> bytes:
    """Writes a SampleResponse: of each sequence why it ended, its tokens and their log-probabilities."""
    out = b""
    for reason, tokens, log_probs in sequences:
        # The enumeration's zero, `stop`, is what an absent field says.
        ended = b"" if reason == "stop" else _number(1 << 3) + _number(1)
        ids, values = np.asarray(tokens, dtype="<i4"), np.asarray(log_probs, dtype="<f4")
        out += _field(1, ended + _field(2, ids.tobytes()) + _field(3, values.tobytes()))
    if prompt is not None:
        known = [float("nan") if value is None else value for value in prompt]
        out += _field(2, np.asarray(known, dtype="<f4").tobytes())
    return out
