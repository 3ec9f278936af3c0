"""Collecting replies: bounded, patient, and untouched by single nodes."""

import time
from collections.abc import Iterable

import pytest
from flwr.app import ConfigRecord, Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp

from dpm_flower.core.errors import PeerError, SettingError
from dpm_flower.federation import replies
from dpm_flower.federation.in_process_grid import InProcessGrid
from dpm_flower.federation.replies import collect


class TrickyGrid(InProcessGrid):
    """Raises at the first `failing` pulls, drops the answers of the nodes in `silent`, and counts."""

    def __init__(self, failing: int = 0, silent: tuple[int, ...] = ()) -> None:
        app = ClientApp()

        @app.query("ask")
        def ask(message: Message, context: Context) -> Message:
            if message.content["ask"]["fail"]:
                raise ValueError("no")
            return Message(RecordDict({"own": ConfigRecord({"node": context.node_config["partition-id"]})}), reply_to=message)

        super().__init__(app, [{"partition-id": number} for number in range(4)], {})
        self.failing, self.silent, self.pulls = failing, [list(self.get_node_ids())[number] for number in silent], 0

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        self.pulls += 1
        if self.pulls <= self.failing:
            raise ConnectionError("no route")
        return [reply for reply in super().pull_messages(message_ids) if reply.metadata.src_node_id not in self.silent]


def _asks(grid: InProcessGrid, *failing: int) -> list[Message]:
    return [
        Message(RecordDict({"ask": ConfigRecord({"fail": number in failing})}), node, "query.ask", group_id=f"group {number}")
        for number, node in enumerate(grid.get_node_ids())
    ]


def test_every_reply_is_handed_over_as_it_comes() -> None:
    grid = TrickyGrid()
    seen: list[tuple[str, int]] = []
    came = collect(grid, _asks(grid, 1), 5.0, lambda reply: seen.append((reply.metadata.group_id, grid.pulls)))
    assert [reply.has_error() for reply in came] == [False, True, False, False]
    assert seen == [(f"group {number}", number + 1) for number in range(4)]


def test_a_silent_node_costs_the_time_and_nothing_else() -> None:
    grid = TrickyGrid(silent=(0, 2))
    started = time.monotonic()
    came = collect(grid, _asks(grid), 0.2, poll_s=0.05)
    assert [reply.metadata.group_id for reply in came] == ["group 1", "group 3"]
    assert 0.2 <= time.monotonic() - started < 1.0
    assert grid.pulls < 15  # it waits between the pulls


def test_a_pull_that_fails_is_repeated_after_growing_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(replies.time, "sleep", pauses.append)
    grid = TrickyGrid(failing=3)
    assert len(collect(grid, _asks(grid), 500.0, poll_s=1.0)) == 4
    assert pauses == [2.0, 4.0, 8.0]


def test_pulls_that_keep_failing_end_in_a_named_error(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(replies.time, "sleep", pauses.append)
    grid = TrickyGrid(failing=100)
    with pytest.raises(PeerError, match="4 replies missing: no route"):
        collect(grid, _asks(grid), 500.0)
    assert grid.pulls == replies.MAX_FAILURES
    assert max(pauses) <= replies.MAX_BACKOFF_S


def test_what_on_reply_raises_ends_the_collection() -> None:
    grid = TrickyGrid()

    def full(reply: Message) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        collect(grid, _asks(grid), 5.0, full)
    assert grid.pulls == 1


def test_nothing_to_ask_means_nothing_to_wait_for() -> None:
    grid = TrickyGrid()
    assert collect(grid, [], 5.0) == []
    assert grid.pulls == 0


class ForeignGrid(TrickyGrid):
    """Answers as a SuperLink does for a lost node, twice, and once for a message that nobody sent."""

    def __init__(self, error: bool) -> None:
        super().__init__()
        self.error = error

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        self.pulls += 1
        found = []
        for identifier in [*message_ids, "unknown", *message_ids]:
            reply = Message(RecordDict(), reply_to=Message(RecordDict(), 1, "query.ask"))
            if self.error:
                reply = Message(Error(5, "node lost"), reply_to=Message(RecordDict(), 1, "query.ask"))
            reply.metadata.__dict__["_reply_to_message_id"] = identifier
            found.append(reply)
        return found


@pytest.mark.parametrize(("error", "reason"), [(True, "node lost"), (False, "answered by node 1")])
def test_answers_in_another_name_become_errors_of_the_node_that_was_asked(error: bool, reason: str) -> None:
    grid = ForeignGrid(error)
    asked = _asks(grid)
    came = collect(grid, asked, 5.0)
    assert [reply.metadata.src_node_id for reply in came] == [message.metadata.dst_node_id for message in asked]
    assert [reply.metadata.group_id for reply in came] == [message.metadata.group_id for message in asked]
    assert {reply.error.reason for reply in came} == {reason}


class LosingGrid(TrickyGrid):
    """Cannot send the first message, which it marks as asked for."""

    marks = True

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        given = list(messages)
        identifiers = list(super().push_messages(given[1:]))
        return ["", *identifiers] if self.marks else identifiers


@pytest.mark.parametrize("marks", [True, False])
def test_a_message_that_cannot_be_sent_is_not_waited_for(marks: bool) -> None:
    grid = LosingGrid()
    grid.marks = marks
    started = time.monotonic()
    came = collect(grid, _asks(grid), 30.0)
    assert [reply.metadata.group_id for reply in came] == ["group 1", "group 2", "group 3"]
    assert time.monotonic() - started < 5.0


class BrokenGrid(TrickyGrid):
    """Sends nothing at all."""

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        raise ConnectionError("no route")


def test_a_grid_that_sends_nothing_is_a_named_error() -> None:
    grid = BrokenGrid()
    with pytest.raises(PeerError, match="4 messages could not be sent: no route"):
        collect(grid, _asks(grid), 5.0)


@pytest.mark.parametrize(("timeout_s", "poll_s"), [(0.0, 1.0), (1.0, -1.0), (float("nan"), 1.0)])
def test_times_that_cannot_work_are_refused(timeout_s: float, poll_s: float) -> None:
    with pytest.raises(SettingError, match="must be > 0"):
        collect(TrickyGrid(), [], timeout_s, poll_s=poll_s)
