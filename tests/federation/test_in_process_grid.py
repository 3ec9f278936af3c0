"""The in-process grid behaves like Flower's, message by message."""

import time

import numpy as np
import pytest
import torch
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

from dpm_flower.core.errors import PeerError, SettingError
from dpm_flower.federation.in_process_grid import InProcessGrid, recreated

NODES = [{"partition-id": number, "num-partitions": 3, "name": f"node {number}"} for number in range(3)]


def _app() -> ClientApp:
    app = ClientApp()

    @app.query("echo")
    def echo(message: Message, context: Context) -> Message:
        message.content["own"] = ConfigRecord({"partition": context.node_config["partition-id"], "lr": context.run_config["lr"]})
        return Message(message.content, reply_to=message)

    @app.query("count")
    def count(message: Message, context: Context) -> Message:
        times = int(context.state["seen"]["times"]) + 1 if "seen" in context.state else 1
        context.state["seen"] = ConfigRecord({"times": times})
        if message.content["ask"]["fail"]:
            raise ValueError("cannot go on")
        return Message(RecordDict({"seen": ConfigRecord({"times": times})}), reply_to=message)

    @app.query("spoil")
    def spoil(message: Message, context: Context) -> Message:
        message.content["ask"]["numbers"].append(4)
        context.run_config["lr"] = -1.0
        context.node_config["name"] = "other"
        return Message(message.content, reply_to=message)

    @app.query("leave")
    def leave(message: Message, context: Context) -> Message:
        raise SystemExit("gone")

    @app.query("nothing")
    def nothing(message: Message, context: Context) -> Message:
        return None  # type: ignore[return-value]

    @app.query("slow")
    def slow(message: Message, context: Context) -> Message:
        time.sleep(0.03)
        return Message(RecordDict(), reply_to=message)

    return app


def _grid(order: torch.Generator | None = None) -> InProcessGrid:
    return InProcessGrid(_app(), NODES, {"lr": 0.1}, order)


def _ask(grid: InProcessGrid, action: str, node: int = 0, **values: object) -> Message:
    return Message(RecordDict({"ask": ConfigRecord(values)}), list(grid.get_node_ids())[node], f"query.{action}", group_id="g")  # type: ignore[arg-type]


def test_every_node_answers_in_the_order_pushed_with_its_own_config() -> None:
    grid = _grid()
    asked = [_ask(grid, "echo", node, text="x") for node in (2, 0, 1)]
    replies = list(grid.send_and_receive(asked))
    assert [reply.content["own"]["partition"] for reply in replies] == [2, 0, 1]
    assert all(reply.content["own"]["lr"] == 0.1 for reply in replies)
    for message, reply in zip(asked, replies, strict=True):
        assert reply.metadata.reply_to_message_id == message.metadata.message_id
        assert reply.metadata.src_node_id == message.metadata.dst_node_id
        assert reply.metadata.group_id == "g"
        assert reply.metadata.run_id == grid.run.run_id
        assert reply.metadata.message_id


def test_node_ids_are_distinct_and_drawn_anew() -> None:
    first, second = set(_grid().get_node_ids()), set(_grid().get_node_ids())
    assert len(first) == len(second) == 3
    assert not first & second


def test_nothing_runs_before_a_pull_and_one_message_at_each() -> None:
    grid = _grid()
    identifiers = grid.push_messages([_ask(grid, "slow") for _ in range(2)])
    started = time.monotonic()
    first = list(grid.pull_messages(identifiers))
    assert len(first) == 1
    assert time.monotonic() - started >= 0.03
    assert len(list(grid.pull_messages(identifiers))) == 1
    assert list(grid.pull_messages(identifiers)) == []


def test_records_of_all_kinds_survive_the_way_there_and_back() -> None:
    grid = _grid()
    message = _ask(grid, "echo", whole=3, share=0.1, text="é\n'", yes=True, raw=b"\x00\xff", numbers=[1, 2], texts=["a", ""])
    message.content["metrics"] = MetricRecord({"loss": 0.25, "losses": [0.5, 1.0], "count": 7})
    values = np.arange(6, dtype=np.float16).reshape(2, 3)
    message.content["arrays"] = ArrayRecord({"a": Array(values), "b": Array(np.asarray(3))})
    (reply,) = grid.send_and_receive([message])
    for key in ("ask", "metrics", "arrays"):
        assert reply.content[key] == message.content[key]
    np.testing.assert_array_equal(reply.content["arrays"]["a"].numpy(), values)


def test_a_handler_cannot_write_into_the_servers_memory_nor_into_its_configs() -> None:
    grid = _grid()
    message = _ask(grid, "spoil", numbers=[1, 2, 3])
    (reply,) = grid.send_and_receive([message])
    assert reply.content["ask"]["numbers"] == [1, 2, 3, 4]
    assert message.content["ask"]["numbers"] == [1, 2, 3]
    (after,) = grid.send_and_receive([_ask(grid, "echo")])
    assert after.content["own"]["lr"] == 0.1


def test_what_the_server_changes_after_pushing_does_not_arrive() -> None:
    grid = _grid()
    message = _ask(grid, "echo", numbers=[1])
    identifiers = grid.push_messages([message])
    message.content["ask"]["numbers"].append(2)
    (reply,) = grid.pull_messages(identifiers)
    assert reply.content["ask"]["numbers"] == [1]


def test_state_lasts_per_node_and_a_failure_leaves_it_as_it_was() -> None:
    grid = _grid()
    asked = [_ask(grid, "count", 0, fail=False), _ask(grid, "count", 0, fail=True), _ask(grid, "count", 0, fail=False)]
    first, failed, third = grid.send_and_receive([*asked])
    (other,) = grid.send_and_receive([_ask(grid, "count", 1, fail=False)])
    assert first.content["seen"]["times"] == 1
    assert failed.has_error()
    assert "cannot go on" in str(failed.error.reason)
    assert third.content["seen"]["times"] == 2
    assert other.content["seen"]["times"] == 1


@pytest.mark.parametrize(("action", "reason"), [("leave", "gone"), ("nothing", "NoneType"), ("unknown", "unknown")])
def test_whatever_a_handler_does_becomes_an_error_reply(action: str, reason: str) -> None:
    grid = _grid()
    failed, good = grid.send_and_receive([_ask(grid, action), _ask(grid, "echo", 1)])
    assert failed.has_error()
    assert reason in str(failed.error.reason)
    assert good.has_content()


def test_order_is_drawn_from_its_generator() -> None:
    def order(seed: int) -> list[int]:
        grid = _grid(torch.Generator().manual_seed(seed))
        replies = grid.send_and_receive([_ask(grid, "echo", number % 3, number=number) for number in range(9)])
        return [int(reply.content["ask"]["number"]) for reply in replies]  # type: ignore[arg-type]

    assert sorted(order(1)) == list(range(9))
    assert order(1) == order(1)
    assert order(1) != order(2)


def test_a_timeout_ends_the_wait_between_two_messages() -> None:
    grid = _grid()
    replies = grid.send_and_receive([_ask(grid, "slow") for _ in range(5)], timeout=0.01)
    assert len(list(replies)) == 1


def test_the_server_context_is_a_copy() -> None:
    grid = _grid()
    grid.server_context().run_config["lr"] = 7.0
    assert grid.server_context().run_config == {"lr": 0.1}
    assert grid.server_context().run_id == grid.run.run_id


def test_a_message_to_an_unknown_node_is_refused_with_all_others() -> None:
    grid = _grid()
    good, bad = _ask(grid, "echo"), Message(RecordDict(), 5, "query.echo")
    with pytest.raises(PeerError, match="got one to 5"):
        grid.push_messages([good, bad])
    assert good.metadata.message_id == ""


def test_a_grid_without_nodes_is_refused() -> None:
    with pytest.raises(SettingError, match="at least one node"):
        InProcessGrid(_app(), [], {})


def test_recreated_refuses_what_flower_cannot_send() -> None:
    with pytest.raises(ValueError, match="out of range"):
        recreated(RecordDict({"c": ConfigRecord({"huge": 2**70})}))
