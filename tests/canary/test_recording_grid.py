"""The grid that remembers: values of every kind of record, in requests, replies and errors, are there to be searched."""

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict

from tests.canary.recording_grid import RecordingGrid
from tests.canary.search import search
from tests.canary.weight_marker import WeightMarker

WEIGHTS = np.random.default_rng(4).normal(size=(4, 16)).astype(np.float32)


def _grid(reply: RecordDict | Exception) -> RecordingGrid:
    def app(message: Message, context: Context) -> Message:
        if isinstance(reply, Exception):
            raise reply
        return Message(reply, reply_to=message)

    return RecordingGrid(app, [{}], {})


def _ask(grid: RecordingGrid, content: RecordDict) -> list[Message]:
    [node] = grid.get_node_ids()
    return list(grid.send_and_receive([Message(content, node, "train.contribute")]))


RECORDS = {
    "an array": RecordDict({"arrays": ArrayRecord({"w": Array(WEIGHTS)})}),
    "an array of halves": RecordDict({"arrays": ArrayRecord({"w": Array(WEIGHTS.astype(np.float16))})}),
    "bytes": RecordDict({"config": ConfigRecord({"w": WEIGHTS.tobytes()})}),
    "a list of bytes": RecordDict({"config": ConfigRecord({"w": [b"first", WEIGHTS.tobytes()]})}),
    "a string": RecordDict({"config": ConfigRecord({"w": WEIGHTS.tobytes().hex()})}),
    "a list of strings": RecordDict({"config": ConfigRecord({"w": ["first", WEIGHTS.tobytes().hex()]})}),
    "metrics": RecordDict({"quality": MetricRecord({"w": [float(value) for value in WEIGHTS.flatten()]})}),
    "a name": RecordDict({"quality": MetricRecord({WEIGHTS.tobytes().hex(): 1.0})}),
}


@pytest.mark.parametrize("kind", RECORDS)
@pytest.mark.parametrize("way", ["request", "reply"])
def test_what_a_message_carries_is_found_whichever_way_it_goes(kind: str, way: str) -> None:
    torch_weights = {"P": {"w": ArrayRecord({"w": Array(WEIGHTS)}).to_torch_state_dict()["w"]}}
    grid = _grid(RECORDS[kind] if way == "reply" else RecordDict())
    _ask(grid, RECORDS[kind] if way == "request" else RecordDict())
    found = search(grid.contents(), [WeightMarker(torch_weights)])
    assert found
    assert all(f"{way} train.contribute" in finding.where for finding in found)
    assert grid.kinds == {"request train.contribute", "reply train.contribute"}
    assert grid.errors == []


def test_the_reason_of_an_error_is_carried_too() -> None:
    grid = _grid(RuntimeError("a reason"))
    [reply] = _ask(grid, RecordDict())
    assert reply.has_error()
    assert grid.errors == ["RuntimeError: a reason"]
    assert b"RuntimeError: a reason" in [content.data for content in grid.contents()]
