"""One refusal per test: which replies can be averaged with each other."""

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from dpm_flower.federation.in_process_grid import InProcessGrid
from dpm_flower.federation.update_check import UpdateCheck

CHECK = UpdateCheck(weighted_by="n")


def _reply(**records: ArrayRecord | MetricRecord | ConfigRecord) -> Message:
    InProcessGrid(ClientApp(), [{}], {})  # gives this process the identity that messages ask for
    return Message(RecordDict(dict(records)), reply_to=Message(RecordDict(), 7, "train"))


def _arrays(**values: np.ndarray) -> ArrayRecord:
    return ArrayRecord({name: Array(value) for name, value in values.items()})


def _good(number: float = 1.0) -> Message:
    return _reply(arrays=_arrays(w=np.full(2, number)), metrics=MetricRecord({"n": 5, "losses": [0.1, number]}))


def _reason(reply: Message, check: UpdateCheck = CHECK) -> str:
    good, left_out = check.sort_out([("a", _good()), ("b", reply), ("c", _good(2.0))])
    assert len(good) == 2
    assert [entity for entity, _ in left_out] == ["b"]
    return left_out[0][1]


def test_good_replies_stay_in_order() -> None:
    replies = [("a", _good(1.0)), ("b", _good(2.0)), ("c", _good(3.0))]
    assert CHECK.sort_out(replies) == ([reply for _, reply in replies], [])


def test_other_records_beside_them_do_no_harm() -> None:
    reply = _good()
    reply.content["note"] = ConfigRecord({"entity": "a"})
    assert CHECK.sort_out([("a", reply)]) == ([reply], [])


def _damaged() -> ArrayRecord:
    return ArrayRecord({"w": Array("float64", (2,), "numpy.ndarray", b"not numpy")})


GOOD = MetricRecord({"n": 5, "losses": [0.1, 0.2]})
TWO = np.zeros(2)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (_reply(metrics=GOOD), "exactly one ArrayRecord, got 0"),
        (_reply(a=_arrays(w=TWO), b=_arrays(w=TWO), metrics=GOOD), "exactly one ArrayRecord, got 2"),
        (_reply(arrays=_arrays(w=TWO)), "exactly one MetricRecord, got 0"),
        (_reply(arrays=_arrays(w=np.array([1.0, np.inf])), metrics=GOOD), "'w' holds values that are not finite"),
        (_reply(arrays=_arrays(w=np.array(["a", "b"])), metrics=GOOD), "wanted numbers, got <U1"),
        (_reply(arrays=_damaged(), metrics=GOOD), "cannot be read"),
        (_reply(arrays=_arrays(v=TWO), metrics=GOOD), "records of most replies"),
        (_reply(arrays=_arrays(w=np.zeros(3)), metrics=GOOD), "records of most replies"),
        (_reply(arrays=_arrays(w=TWO.astype(np.float32)), metrics=GOOD), "of most replies, 1 arrays (float64) in"),
        (_reply(arrays=_arrays(w=TWO.astype(np.float32)), metrics=GOOD), "got 1 arrays (float32) in"),
        (_reply(arrays=_arrays(running_var=np.array([1.0, -0.1])), metrics=GOOD), "'running_var' holds variances below zero"),
        (_reply(other=_arrays(w=TWO), metrics=GOOD), "records of most replies"),
        (_reply(arrays=_arrays(w=TWO), metrics=MetricRecord({"n": 5})), "records of most replies"),
        (_reply(arrays=_arrays(w=TWO), metrics=MetricRecord({"n": 5, "losses": [0.1]})), "records of most replies"),
        (_reply(arrays=_arrays(w=TWO), metrics=MetricRecord({"n": 5, "losses": 0.1})), "records of most replies"),
        (_reply(arrays=_arrays(w=TWO), metrics=MetricRecord({"losses": [0.1, 0.2]})), "'n', got None"),
        (_reply(arrays=_arrays(w=TWO), metrics=MetricRecord({"n": [5], "losses": [0.1, 0.2]})), "'n', got [5]"),
        (_reply(arrays=_arrays(w=TWO), metrics=MetricRecord({"n": 0, "losses": [0.1, 0.2]})), "'n', got 0"),
        (_reply(arrays=_arrays(w=TWO), metrics=MetricRecord({"n": float("nan"), "losses": [0.1, 0.2]})), "'n', got nan"),
        (_reply(arrays=_arrays(w=TWO), metrics=MetricRecord({"n": 10**400, "losses": [0.1, 0.2]})), "finite number"),
        (_reply(arrays=_arrays(w=TWO), metrics=MetricRecord({"n": 5, "losses": [0.1, float("inf")]})), "'losses' is not finite"),
    ],
)
def test_refusals(reply: Message, reason: str) -> None:
    assert reason in _reason(reply)


@pytest.mark.parametrize(
    ("sent", "right", "told"),
    [
        (("float64", (3,)), np.zeros(3), "'w': sent float64 (3,), got float64 (2,)"),
        (("float32", (2,)), np.zeros(2, np.float32), "'w': sent float32 (2,), got float64 (2,)"),
    ],
)
def test_what_was_sent_counts_more_than_the_majority(sent: tuple[str, tuple[int, ...]], right: np.ndarray, told: str) -> None:
    check = UpdateCheck(weighted_by="n", sent={"w": sent})
    fits = _reply(arrays=_arrays(w=right), metrics=GOOD)
    good, left_out = check.sort_out([("a", _good()), ("b", fits), ("c", _good())])
    assert good == [fits]
    assert [entity for entity, _ in left_out] == ["a", "c"]
    assert told in left_out[0][1]


def test_an_array_that_is_missing_is_named() -> None:
    check = UpdateCheck(weighted_by="n", sent={"v": ("float64", (2,)), "w": ("float64", (2,))})
    assert check.sort_out([("a", _good())])[1][0][1].endswith("the first 'v': sent float64 (2,), got none")


def test_an_error_is_told_by_its_last_line() -> None:
    InProcessGrid(ClientApp(), [{}], {})
    asked = Message(RecordDict(), 7, "train")
    assert _reason(Message(Error(2, "<class 'E'>:<'Traceback\n  File x\nValueError: no'>"), reply_to=asked)) == "error 2: ValueError: no"
