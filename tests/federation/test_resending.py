"""Messages that were lost with their process are sent again: against a model of how Flower's simulation hands out its actors."""

import heapq
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterable

import pytest
from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.common.constant import ErrorCode
from flwr.simulation.ray_transport import ray_actor

from dpm_flower.federation import resending
from dpm_flower.federation.in_process_grid import InProcessGrid
from dpm_flower.federation.resending import LOST, MOST_LOSSES, ResendingGrid, ask
from dpm_flower.federation.wire import IDENTIFY, Request, read_request, request_records

NODES = 4
SWEEP, WORK, FAILURE = 100, 50, 1  # milliseconds: between two looks for messages, of a living actor, of a dead one


class PooledGrid(InProcessGrid):
    """Flower's simulation in virtual time: one message per node and sweep, idle actors last in, first out, dead ones back at once."""

    def __init__(self, actors: str, *, nodes: int = NODES, code: int = ErrorCode.UNKNOWN) -> None:
        app = ClientApp()
        self.handled: Counter[str] = Counter()
        self.eaten: Counter[str] = Counter()

        @app.query("work")
        def work(message: Message, context: Context) -> Message:
            return Message(message.content, reply_to=message)

        @app.query("identify")
        def identify(message: Message, context: Context) -> Message:
            return Message(RecordDict(), reply_to=message)

        super().__init__(app, [{"partition-id": number} for number in range(nodes)], {})
        self.idle, self.code = list(actors), code  # "+" lives, "-" is dead
        self.replies: dict[str, Message] = {}
        self.sent: list[tuple[str, int]] = []

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        given = list(messages)
        identifiers = list(super().push_messages(given))
        self.sent += [(message.metadata.message_type, message.metadata.dst_node_id) for message in given]
        self._work_off(given)
        return identifiers

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        return [self.replies.pop(identifier) for identifier in list(self.replies) if identifier in set(message_ids)]

    def _work_off(self, messages: list[Message]) -> None:
        waiting = []
        for node in self.get_node_ids():
            own = [message for message in messages if message.metadata.dst_node_id == node]
            waiting += [(sweep * SWEEP, message) for sweep, message in enumerate(own)]
        waiting.sort(key=lambda pair: pair[0])  # stable: within a sweep in the order of the nodes
        now, busy, number = 0, [], itertools.count()
        while waiting or busy:
            while waiting and waiting[0][0] <= now and self.idle:
                actor, message = self.idle.pop(), waiting.pop(0)[1]
                heapq.heappush(busy, (now + (WORK if actor == "+" else FAILURE), next(number), actor, message))
            now = min([entry[0] for entry in busy[:1]] + [arrival for arrival, _ in waiting[:1] if self.idle])
            while busy and busy[0][0] <= now:
                _, _, actor, message = heapq.heappop(busy)
                self.idle.append(actor)
                self._finish(actor, message)

    def _finish(self, actor: str, message: Message) -> None:
        name = message.metadata.group_id
        if actor == "+":
            (reply,) = super().pull_messages([message.metadata.message_id])
            self.handled[name] += 1
        else:
            reply = Message(Error(self.code, f"ActorDiedError: {name}\nmore"), reply_to=message)
            self.eaten[name] += 1
        self.replies[message.metadata.message_id] = reply


def _asks(grid: PooledGrid, number: int) -> list[Message]:
    nodes = list(grid.get_node_ids())
    return [Message(RecordDict(), nodes[each % len(nodes)], "query.work", group_id=f"{each}") for each in range(number)]


def _ask(grid: PooledGrid, number: int, on_reply: Callable[[Message], None] | None = None) -> list[Message]:
    return ask(grid, _asks(grid, number), 60.0, on_reply, poll_s=1e-6)


def test_flowers_pool_is_as_modelled() -> None:
    """Last in, first out, whoever died: should a later Flower restart its actors, this module can go."""
    pool = ray_actor.BasicActorPool.__new__(ray_actor.BasicActorPool)
    pool.pool, pool._future_to_actor = ["first", "dead"], {}  # type: ignore[list-item]
    handed = []
    for number in range(3):
        pool.submit(lambda actor, *_: handed.append(actor) or len(handed), (None, None, "", None))  # type: ignore[arg-type, func-returns-value]
        pool.add_actor_back_to_pool(number + 1)
    assert handed == ["dead"] * 3


@pytest.mark.parametrize(
    "actors",
    [
        "".join(order)
        for live, dead in ((1, 1), (2, 1), (5, 1), (1, 2), (2, 2))
        for order in sorted(set(itertools.permutations("+" * live + "-" * dead)))
    ],
)
def test_every_message_is_handled_once_however_dead_actors_lie(actors: str) -> None:
    for number in (1, 2, 3, 7, 20):
        grid = PooledGrid(actors)
        came = _ask(grid, number)
        assert sorted(reply.metadata.group_id for reply in came) == sorted(str(each) for each in range(number))
        assert not any(reply.has_error() for reply in came)
        assert all(grid.handled[str(each)] == 1 for each in range(number))


@pytest.mark.parametrize("actors", ["+--", "-+-", "++--", "+---"])
@pytest.mark.parametrize("node", range(NODES))
def test_a_single_message_gets_past_dead_actors_whichever_node_it_is_for(actors: str, node: int) -> None:
    grid = PooledGrid(actors)
    message = Message(RecordDict(), list(grid.get_node_ids())[node], "query.work", group_id="0")
    (reply,) = ask(grid, [message], 60.0, poll_s=1e-6)
    assert not reply.has_error()


def test_with_no_dead_actor_nothing_is_sent_twice_and_nobody_else_is_asked() -> None:
    grid = PooledGrid("++")
    _ask(grid, 6)
    assert [kind for kind, _ in grid.sent] == ["query.work"] * 6


def test_replies_are_handed_over_as_they_come_and_only_once(caplog: pytest.LogCaptureFixture) -> None:
    grid, seen = PooledGrid("+-"), []
    with caplog.at_level(logging.WARNING, "flwr"):
        came = _ask(grid, 5, lambda reply: seen.append(reply.metadata.group_id))
    assert seen == [reply.metadata.group_id for reply in came]
    assert "lost with their process and are sent again (3 of query.work): ActorDiedError" in caplog.text
    assert "more" not in caplog.text


def test_where_every_actor_is_dead_the_losses_are_bounded_and_told() -> None:
    grid = PooledGrid("--")
    came = _ask(grid, 2)
    assert sorted(reply.metadata.group_id for reply in came) == ["0", "1"]
    assert all(reply.has_error() for reply in came)
    assert {grid.eaten["0"], grid.eaten["1"]} == {MOST_LOSSES + 1}


def test_companions_are_queries_to_other_nodes() -> None:
    grid = PooledGrid("--")
    _ask(grid, 1)
    asked = next(iter(grid.get_node_ids()))
    companions = [node for kind, node in grid.sent if kind == IDENTIFY]
    assert companions
    assert asked not in companions


class DeployedGrid(PooledGrid):
    """Nodes of a deployment, of which the first is gone: Flower says so of its messages, until it has been looked for often enough."""

    def __init__(self, back_after: int) -> None:
        super().__init__("+")
        self.looks, self.back_after = 0, back_after
        self.first = next(iter(super().get_node_ids()))

    def get_node_ids(self) -> Iterable[int]:
        self.looks += 1
        there = self.looks > self.back_after
        return [node for node in super().get_node_ids() if there or node != self.first]

    def _work_off(self, messages: list[Message]) -> None:
        for message in messages:
            if message.metadata.dst_node_id == self.first and self.looks <= self.back_after:
                error = Error(ErrorCode.NODE_UNAVAILABLE, "node unavailable")
                self.replies[message.metadata.message_id] = Message(error, reply_to=message)
            else:
                self._finish("+", message)


def _one_for_each(grid: DeployedGrid) -> list[Message]:
    nodes = list(InProcessGrid.get_node_ids(grid))
    return [Message(RecordDict(), node, "query.work", group_id=f"{each}") for each, node in enumerate(nodes)]


def test_a_deployed_node_that_is_gone_is_waited_for_and_asked_once_more() -> None:
    grid = DeployedGrid(back_after=40)  # looks, and so many losses no message outlives
    came = ask(grid, _one_for_each(grid), 60.0, poll_s=1e-6)
    assert len(came) == NODES
    assert not any(reply.has_error() for reply in came)
    assert [kind for kind, node in grid.sent if node == grid.first] == ["query.work"] * 2
    assert {grid.handled[str(each)] for each in range(NODES)} == {1}


def test_a_deployed_node_that_stays_away_is_waited_for_once_and_the_others_are_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()
    monkeypatch.setattr(resending.time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(resending.time, "sleep", lambda _: None)
    grid = DeployedGrid(back_after=10**9)
    came = ask(grid, _one_for_each(grid), 1e6, poll_s=1e-6)
    assert [reply.error.code for reply in came if reply.has_error()] == [ErrorCode.NODE_UNAVAILABLE]
    assert len(came) == NODES
    assert [kind for kind, node in grid.sent if node == grid.first] == ["query.work"]
    assert resending.RETURN_S / 2 < grid.looks < 2 * resending.RETURN_S


class VanishingGrid(DeployedGrid):
    """Nodes of which the first, whenever it is back, vanishes again with the next message; the second's client app crashes at first."""

    def __init__(self, *, crashes: int = 0, away_looks: int = 5) -> None:
        super().__init__(back_after=10**9)
        self.second = list(InProcessGrid.get_node_ids(self))[1]
        self.crashes, self.away_looks = crashes, away_looks
        self.answered_at: dict[str, int] = {}

    def get_node_ids(self) -> Iterable[int]:
        self.looks += 1
        return [node for node in InProcessGrid.get_node_ids(self) if node != self.first or self.looks % self.away_looks == 0]

    def _work_off(self, messages: list[Message]) -> None:
        for message in messages:
            about = message.metadata
            if about.dst_node_id == self.first:
                code = ErrorCode.NODE_UNAVAILABLE
            elif about.dst_node_id == self.second and self.crashes:
                self.crashes, code = self.crashes - 1, ErrorCode.CLIENT_APP_CRASHED
            else:
                self.answered_at.setdefault(about.group_id, self.looks)
                self._finish("+", message)
                continue
            self.replies[about.message_id] = Message(Error(code, "gone"), reply_to=message)


def test_others_do_not_wait_for_a_node_that_keeps_vanishing() -> None:
    grid = VanishingGrid(crashes=1)
    came = ask(grid, _one_for_each(grid), 60.0, poll_s=1e-6)
    assert grid.answered_at == {"1": 0, "2": 0, "3": 0}  # before anybody was looked for
    assert [reply.has_error() for reply in came] == [False] * (NODES - 1) + [True]
    to_first = [at for at, (_, node) in enumerate(grid.sent) if node == grid.first]
    assert len(to_first) == MOST_LOSSES + 1
    assert to_first[1] > max(at for at, (_, node) in enumerate(grid.sent) if node == grid.second)


def test_a_node_that_is_back_does_not_wait_for_one_that_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()
    monkeypatch.setattr(resending.time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(resending.time, "sleep", lambda _: None)

    class TwoAway(VanishingGrid):
        def get_node_ids(self) -> Iterable[int]:
            self.looks += 1
            return [node for node in InProcessGrid.get_node_ids(self) if node not in self.away()]

        def away(self) -> set[int]:
            return {self.first} if self.looks > 3 else {self.first, self.second}

        def _work_off(self, messages: list[Message]) -> None:
            for message in messages:
                if message.metadata.dst_node_id in self.away():
                    self.replies[message.metadata.message_id] = Message(Error(ErrorCode.NODE_UNAVAILABLE, "gone"), reply_to=message)
                else:
                    self.answered_at.setdefault(message.metadata.group_id, self.looks)
                    self._finish("+", message)

    grid = TwoAway()
    came = ask(grid, _one_for_each(grid), 1e6, poll_s=1e-6)
    assert grid.answered_at == {"1": 4, "2": 0, "3": 0}
    assert [reply.has_error() for reply in came] == [False] * (NODES - 1) + [True]
    assert resending.RETURN_S / 2 < grid.looks < 2 * resending.RETURN_S


def test_nodes_that_are_back_together_are_asked_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resending.time, "sleep", lambda _: None)
    batches: list[int] = []

    class AllAway(VanishingGrid):
        def get_node_ids(self) -> Iterable[int]:
            self.looks += 1
            return InProcessGrid.get_node_ids(self) if self.looks > 3 else []

        def _work_off(self, messages: list[Message]) -> None:
            batches.append(len(messages))
            for message in messages:
                if self.looks > 3:
                    self._finish("+", message)
                else:
                    self.replies[message.metadata.message_id] = Message(Error(ErrorCode.NODE_UNAVAILABLE, "gone"), reply_to=message)

    grid = AllAway()
    assert not any(reply.has_error() for reply in ask(grid, _one_for_each(grid), 60.0, poll_s=1e-6))
    assert batches == [NODES, NODES]


def test_a_node_that_is_gone_when_the_time_is_over_has_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()
    monkeypatch.setattr(resending.time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(resending.time, "sleep", lambda _: None)
    grid = DeployedGrid(back_after=10**9)
    came = ask(grid, _one_for_each(grid), 50.0, poll_s=1e-6)
    assert [reply.error.code for reply in came if reply.has_error()] == [ErrorCode.NODE_UNAVAILABLE]
    assert len(came) == NODES
    assert grid.looks < 60


def test_a_superlink_that_fails_to_say_who_is_there_does_not_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resending.time, "sleep", lambda _: None)

    class Locked(DeployedGrid):
        def get_node_ids(self) -> Iterable[int]:
            there = super().get_node_ids()
            if self.looks % 3:
                raise RuntimeError("500: the database is locked")
            return there

    grid = Locked(back_after=10)
    came = ask(grid, _one_for_each(grid), 60.0, poll_s=1e-6)
    assert len(came) == NODES
    assert not any(reply.has_error() for reply in came)


def test_a_lone_message_goes_without_companions_where_nobody_says_who_is_there() -> None:
    class Mute(PooledGrid):
        def get_node_ids(self) -> Iterable[int]:
            raise RuntimeError("500: the database is locked")

    lone = Message(RecordDict(), dst_node_id=1, message_type="query.work")
    assert resending._companions(Mute("+"), resending.Question(lone, losses=2, alone=1)) == []


@pytest.mark.parametrize("code", [ErrorCode.CLIENT_APP_RAISED_EXCEPTION, ErrorCode.LOAD_CLIENT_APP_EXCEPTION, ErrorCode.INVALID_FAB, -1])
def test_what_the_client_app_raised_is_not_asked_again(code: int) -> None:
    grid = PooledGrid("-", code=code)
    (reply,) = _ask(grid, 1)
    assert reply.error.code == code
    assert len(grid.sent) == 1
    assert code not in LOST


def test_nothing_is_sent_again_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(step=10)
    monkeypatch.setattr(resending.time, "monotonic", lambda: float(next(clock)))
    grid = PooledGrid("--")
    assert ask(grid, _asks(grid, 1), 25.0, poll_s=1e-6) == []
    assert 1 <= grid.eaten["0"] <= MOST_LOSSES


def test_a_grid_for_flowers_own_strategies_does_the_same() -> None:
    inner = PooledGrid("+-")
    grid = ResendingGrid(inner)
    came = list(grid.send_and_receive(_asks(inner, 3)))
    assert sorted(reply.metadata.group_id for reply in came) == ["0", "1", "2"]
    assert list(grid.get_node_ids()) == list(inner.get_node_ids())
    assert grid.run.run_id == inner.run.run_id
    identifiers = list(grid.push_messages(_asks(inner, 1)))
    assert [reply.metadata.reply_to_message_id for reply in grid.pull_messages(identifiers)] == identifiers
    message = grid.create_message(RecordDict(), "query.work", 1, "g")
    assert message.metadata.group_id == "g"
    grid.set_run(inner.run)


def test_harmless_queries_are_about_the_seed_of_the_message_that_they_go_with() -> None:
    """Else a process that works for one seed would load and divide the images of another, for nothing."""
    grid = PooledGrid("+")
    lone = Message(request_records(Request(campaign="c", seed=7)), dst_node_id=next(iter(grid.get_node_ids())), message_type="query.work")
    companions = resending._companions(grid, resending.Question(lone, losses=2, alone=1))
    assert [read_request(message).seed for message in companions] == [7]
