"""Requests and replies come back from Flower's records as they were; whatever else comes is refused by name."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dpm_flower.core.errors import PeerError
from dpm_flower.core.shared import ModelUpdate
from dpm_flower.federation import wire
from dpm_flower.federation.in_process_grid import InProcessGrid, recreated
from dpm_flower.federation.wire import Reply, Request

InProcessGrid(ClientApp(), [{}], {})  # gives this process the identity that messages ask for
TENSORS = {
    "zero-d": torch.tensor(0.1),
    "count": torch.tensor(2**62),
    "flags": torch.tensor([True, False]),
    "bytes": torch.arange(256, dtype=torch.uint8).reshape(2, 8, 16),
    "half": torch.tensor([1.5, -2.0], dtype=torch.float16),
    "double": torch.tensor([[0.1]], dtype=torch.float64),
    "empty": torch.zeros(0, 3),
    "strided": torch.arange(6.0).reshape(2, 3).T,
    "channels": torch.randn(1, 2, 3, 4, generator=torch.Generator().manual_seed(0)).to(memory_format=torch.channels_last),
}


def _same(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and torch.equal(one, other)


def _asked(content: RecordDict | None = None) -> Message:
    return Message(content or RecordDict(), 1, "train")


def test_tensors_of_every_kind_come_back() -> None:
    back = wire.tensors_of(recreated(RecordDict({"a": wire.arrays_of(TENSORS)})).array_records["a"])
    assert all(_same(back[name], tensor) for name, tensor in TENSORS.items())
    assert list(back) == sorted(TENSORS)


def test_tensors_own_their_memory() -> None:
    arrays = wire.arrays_of({"w": torch.ones(3)})
    one, other = wire.tensors_of(arrays)["w"], wire.tensors_of(arrays)["w"]
    one += 1
    assert other.tolist() == [1.0] * 3


def test_a_graph_does_not_come_along() -> None:
    assert not wire.tensors_of(wire.arrays_of({"w": torch.ones(2, requires_grad=True)}))["w"].requires_grad


TEXT = st.text(max_size=20)
FIGURES = st.dictionaries(TEXT.filter(bool), st.floats(allow_nan=False, allow_infinity=False), max_size=3)
PAIRS = st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple)


@settings(max_examples=40, deadline=None)
@given(TEXT, st.integers(-(2**63), 2**63 - 1), TEXT, st.integers(0, 9), PAIRS)
def test_a_request_comes_back(campaign: str, seed: int, arm: str, number: int, claims: Any) -> None:
    request = Request(
        campaign=campaign, seed=seed, arm=arm, method=number, round=number + 1, rounds=number + 2, claims=claims, tensors=TENSORS
    )
    back = wire.read_request(_asked(recreated(wire.request_records(request))))
    assert all(getattr(back, field.name) == getattr(request, field.name) for field in fields(Request) if field.name != "tensors")
    assert all(_same(back.tensors[name], tensor) for name, tensor in TENSORS.items())


@settings(max_examples=40, deadline=None)
@given(TEXT, st.integers(0, 2**40), TEXT, PAIRS, st.booleans(), FIGURES, FIGURES)
def test_a_reply_comes_back(entity: str, images: int, envelope: str, refused: Any, deployed: bool, quality: Any, costs: Any) -> None:
    told = {"entity": entity, "images": images, "envelope": envelope, "refused": refused, "deployed": deployed}
    reply = Reply(**told, away=tuple(sender for sender, _ in refused[:2]), quality=quality, costs=costs, tensors=TENSORS)
    message = wire.reply_message(reply, _asked())
    back = wire.read_reply(Message(recreated(message.content), reply_to=_asked()))
    assert all(getattr(back, field.name) == getattr(reply, field.name) for field in fields(Reply) if field.name != "tensors")
    assert all(_same(back.tensors[name], tensor) for name, tensor in TENSORS.items())


Change = Callable[[RecordDict], object]


def _set(record: str, key: str, value: object) -> Change:
    return lambda content: content[record].__setitem__(key, value)


def _drop(record: str, key: str | None = None) -> Change:
    return lambda content: content.__delitem__(record) if key is None else content[record].__delitem__(key)


def _broken(data: bytes) -> Change:
    return lambda content: content.__setitem__("arrays", ArrayRecord({"w": Array("float32", (1,), "numpy.ndarray", data)}))


@pytest.mark.parametrize(
    "change",
    [
        _drop("config"),
        _drop("arrays"),
        _drop("config", "arm"),
        _set("config", "seed", "0"),
        _set("config", "seed", True),
        _set("config", "round", 1.0),
        _set("config", "campaign", 7),
        _set("config", "senders", "a"),
        _set("config", "senders", [1]),
        _set("config", "envelopes", ["one too many"]),
        _broken(b""),
    ],
)
def test_malformed_requests_are_refused(change: Change) -> None:
    content = wire.request_records(Request(campaign="c"))
    change(content)
    with pytest.raises(PeerError):
        wire.read_request(_asked(content))


@pytest.mark.parametrize(
    "change",
    [
        _drop("config"),
        _drop("quality"),
        _drop("costs"),
        _drop("arrays"),
        _drop("config", "entity"),
        _set("config", "entity", 1),
        _set("config", "images", 1.5),
        _set("config", "refused", "no json"),
        _set("config", "refused", "[1]"),
        _set("config", "refused", '[["one"]]'),
        _set("config", "refused", "[" * 100_000),
        _drop("config", "away"),
        _set("config", "away", "b"),
        _drop("config", "deployed"),
        _set("config", "deployed", 0),
        _set("quality", "top1", float("nan")),
        _set("quality", "top1", [0.1]),
        _set("costs", "seconds", float("inf")),
        _broken(b""),
        _broken(b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (9,), }\n" + b" " * 60),
        _broken(b"\x93NUMPY\x01\x00\x04\x00((((\n"),
        lambda content: content.__setitem__("arrays", ArrayRecord({"w": Array(np.array(["text"]))})),
    ],
)
def test_malformed_replies_are_refused(change: Change) -> None:
    content = wire.reply_message(Reply(entity="a"), _asked()).content
    change(content)
    with pytest.raises(PeerError):
        wire.read_reply(Message(content, reply_to=_asked()))


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("Traceback\n  File x\nValueError: no\n", "ValueError: no"),
        ("<class 'E'>:<'first\nValueError: no'>", "ValueError: no"),
        ("", "failed without a reason"),
        (" \n ", "no reason given"),
    ],
)
def test_an_error_reply_tells_its_last_line(reason: str, told: str) -> None:
    with pytest.raises(PeerError, match=told) as caught:
        wire.read_reply(Message(Error(2, reason), reply_to=_asked()))
    assert "\n" not in str(caught.value)
    assert "'>" not in str(caught.value)


def _averaging(**config: object) -> Message:
    record = wire.averaging_config("c", 3, "FedAvg", 2)
    for key, value in ({"server-round": 1} | config).items():
        record[key] = value  # type: ignore[assignment]
    return _asked(RecordDict({"config": record, "arrays": wire.arrays_of(TENSORS)}))


def test_a_request_of_flowers_averaging_comes_back_with_rounds_counted_over_all_runs() -> None:
    asked = wire.read_averaging(_averaging(**{"proximal-mu": 0.5}))
    assert (asked.campaign, asked.seed, asked.arm, asked.round, asked.proximal_mu) == ("c", 3, "FedAvg", 3, 0.5)
    assert all(_same(asked.tensors[name], tensor) for name, tensor in TENSORS.items())
    assert wire.read_averaging(_averaging()).proximal_mu == 0.0


@pytest.mark.parametrize("config", [{"seed": "x"}, {"server-round": 0.5}, {"proximal-mu": "much"}, {"arm": 1}])
def test_malformed_requests_of_an_averaging_are_refused(config: dict[str, object]) -> None:
    with pytest.raises(PeerError, match="Flower's averaging"):
        wire.read_averaging(_averaging(**config))


def test_an_update_carries_its_weight_and_its_costs() -> None:
    message = wire.averaging_reply(ModelUpdate(TENSORS, 17), {"seconds": 2.5}, _asked())
    assert message.content["quality"] == MetricRecord({"num-examples": 17})
    assert wire.averaging_costs(message.content) == {"seconds": 2.5}
    assert all(_same(wire.tensors_of(message.content["arrays"])[name], tensor) for name, tensor in TENSORS.items())
    assert "config" not in message.content or message.content["config"] == ConfigRecord()


@pytest.mark.parametrize("costs", [{}, {"seconds": "2"}, {"seconds": float("nan")}, {"seconds": [1.0]}, None])
def test_costs_that_are_no_numbers_cost_nobody_an_update(costs: Any) -> None:
    records = RecordDict({} if costs is None else {"costs": ConfigRecord(costs | {"bytes_sent": 3})})
    assert wire.averaging_costs(records) == ({} if costs is None else {"bytes_sent": 3.0})


@pytest.mark.parametrize("kind", ["complex128", "uint16", "int8", "int16", "uint64", "float128", ">f4", "datetime64[s]"])
def test_arrays_of_types_that_no_network_has_are_refused(kind: str) -> None:
    arrays = ArrayRecord({"norm.running_var": Array(np.zeros(2, dtype=kind))})
    with pytest.raises(PeerError, match=r"wanted array 'norm.running_var' of type bool, float16, .*, got "):
        wire.tensors_of(arrays)


def test_the_seed_of_a_request_of_any_kind_can_be_read() -> None:
    assert wire.seed_of(wire.request_records(Request(campaign="c", seed=7))) == 7
    assert wire.seed_of(_averaging().content) == 3
    for content in (RecordDict(), RecordDict({"config": ConfigRecord({"seed": "x"})})):
        assert wire.seed_of(content) == 0
