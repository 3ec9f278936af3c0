"""Ordered averaging: the same replies give the same bytes, and no single reply ends a round."""

import itertools
import random

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Error, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp.strategy import FedAvg

from dpm_flower.core.errors import SettingError
from dpm_flower.federation.averaging import OrderedFedAvg, OrderedFedProx
from dpm_flower.federation.in_process_grid import InProcessGrid

ENTITIES = {11: "d", 12: "b", 13: "a", 14: "c"}


def _asked(node: int) -> Message:
    InProcessGrid(ClientApp(), [{}], {})  # gives this process the identity that messages ask for
    return Message(RecordDict(), node, "train")


def _update(node: int, values: dict[str, np.ndarray], weight: float = 10, loss: float = 0.5) -> Message:
    arrays = ArrayRecord({name: Array(value) for name, value in values.items()})
    metrics = MetricRecord({"num-examples": weight, "loss": loss})
    return Message(RecordDict({"arrays": arrays, "metrics": metrics}), reply_to=_asked(node))


def _weights(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"w": rng.normal(size=(3, 5)).astype(np.float32) * 10.0**seed, "count": np.asarray(seed)}


def _bytes(arrays: ArrayRecord | None) -> list[tuple[str, bytes]]:
    assert arrays is not None
    return [(name, array.data) for name, array in arrays.items()]


UPDATES = {node: _update(node, _weights(seed), weight=3 + 2 * seed, loss=0.1 * seed) for seed, node in enumerate(ENTITIES)}


def test_every_order_of_replies_gives_the_same_bytes() -> None:
    results = set()
    for order in itertools.permutations(UPDATES.values()):
        arrays, metrics = OrderedFedAvg(ENTITIES).aggregate_train(1, list(order))
        assert metrics is not None
        results.add((*_bytes(arrays), ("loss", metrics["loss"])))
    assert len(results) == 1


def test_the_order_of_arrival_shows_in_flowers_own_sum() -> None:
    """Else the test above could not fail."""
    results = {tuple(_bytes(FedAvg().aggregate_train(1, list(order))[0])) for order in itertools.permutations(UPDATES.values())}
    assert len(results) > 1


def test_the_average_is_the_weighted_mean() -> None:
    arrays, metrics = OrderedFedAvg(ENTITIES).aggregate_train(1, list(UPDATES.values()))
    assert arrays is not None
    assert metrics is not None
    weights = [3 + 2 * seed for seed in range(4)]
    slow = {
        name: sum(weight * _weights(seed)[name].astype(np.float64) for seed, weight in enumerate(weights)) / sum(weights)
        for name in ("w", "count")
    }
    np.testing.assert_allclose(arrays["w"].numpy(), slow["w"], rtol=1e-5)
    assert arrays["count"].numpy() == np.rint(slow["count"])
    assert metrics["loss"] == pytest.approx(sum(0.1 * seed * weight for seed, weight in enumerate(weights)) / sum(weights))


def _with(node: int, reply: Message) -> list[Message]:
    return [reply if each == node else update for each, update in UPDATES.items()]


def test_an_average_has_the_types_of_what_was_averaged() -> None:
    own, _ = FedAvg().aggregate_train(1, list(UPDATES.values()))
    arrays, _ = OrderedFedAvg(ENTITIES).aggregate_train(1, list(UPDATES.values()))
    assert own is not None
    assert arrays is not None
    assert own["count"].dtype == "float64"  # Flower's own: the next round would begin with other types than this one
    assert {name: array.numpy().dtype for name, array in arrays.items()} == {name: each.dtype for name, each in _weights(0).items()}


@pytest.mark.parametrize("first", [False, True])
def test_an_update_of_another_type_spoils_nothing(first: bool) -> None:
    """Flower's sum takes on the type of the first update, and no network would take the average."""
    node = 13 if first else 11  # a or d
    wide = _update(node, {name: value.astype(np.float64) for name, value in _weights(1).items()})
    failures: list[tuple[str, str]] = []
    arrays, _ = OrderedFedAvg(ENTITIES, lambda *failure: failures.append(failure)).aggregate_train(1, _with(node, wide))
    without, _ = OrderedFedAvg(ENTITIES).aggregate_train(1, [update for other, update in UPDATES.items() if other != node])
    assert _bytes(arrays) == _bytes(without)
    ((entity, reason),) = failures
    assert entity == ENTITIES[node]
    assert "float64" in reason


def test_who_is_not_asked_any_more_gets_no_message() -> None:
    grid, names = _grid(3)
    averaging = OrderedFedAvg(names)
    averaging.stop_asking("b")
    messages = list(averaging.configure_train(1, ArrayRecord(), ConfigRecord(), grid))
    assert [names[message.metadata.dst_node_id] for message in messages] == ["a", "c"]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Message(Error(2, "out of memory"), reply_to=_asked(12)), "error 2: out of memory"),
        (_update(12, _weights(1) | {"w": np.full((3, 5), np.nan, np.float32)}), "'w' holds values that are not finite"),
        (_update(12, _weights(1) | {"w": np.zeros((5, 3), np.float32)}), "wanted the records of most replies"),
    ],
)
def test_a_bad_reply_is_left_out_and_reported(reply: Message, reason: str) -> None:
    failures: list[tuple[str, str]] = []
    averaging = OrderedFedAvg(ENTITIES, lambda *failure: failures.append(failure))
    arrays, _ = averaging.aggregate_train(1, _with(12, reply))
    without, _ = OrderedFedAvg(ENTITIES).aggregate_train(1, [update for node, update in UPDATES.items() if node != 12])
    assert _bytes(arrays) == _bytes(without)
    assert [entity for entity, _ in failures] == ["b"]
    assert reason in failures[0][1]


def test_without_a_good_reply_there_is_no_average() -> None:
    averaging = OrderedFedAvg(ENTITIES)
    assert averaging.aggregate_train(1, [Message(Error(2, "no"), reply_to=_asked(11))]) == (None, None)
    assert averaging.aggregate_train(1, []) == (None, None)


@pytest.mark.parametrize("replies", [[*UPDATES.values(), UPDATES[11]], [UPDATES[11], *UPDATES.values()]])
def test_strangers_and_repeated_answers_are_left_out_whatever_the_order(replies: list[Message]) -> None:
    failures: list[tuple[str, str]] = []
    averaging = OrderedFedAvg({11: "d", 12: "b", 13: "a"}, lambda *failure: failures.append(failure))
    arrays, _ = averaging.aggregate_train(1, replies)
    wanted, _ = OrderedFedAvg(ENTITIES).aggregate_train(1, [UPDATES[12], UPDATES[13]])
    assert _bytes(arrays) == _bytes(wanted)
    assert failures == [("node 14", "is no entity of this run"), ("d", "answered 2 times")]


def _grid(nodes: int) -> tuple[InProcessGrid, dict[int, str]]:
    app = ClientApp()

    @app.train()
    def train(message: Message, context: Context) -> Message:
        if context.node_config["partition-id"] == 3:
            raise ValueError("broken")
        values = message.content["arrays"]["w"].numpy() + context.node_config["partition-id"]
        record = RecordDict({"arrays": ArrayRecord({"w": Array(values)}), "metrics": MetricRecord({"num-examples": 1, "loss": 1.0})})
        return Message(record, reply_to=message)

    grid = InProcessGrid(app, [{"partition-id": number} for number in range(nodes)], {})
    names = dict(zip(grid.get_node_ids(), ["c", "a", "b", "d"][:nodes], strict=True))
    return grid, names


def test_flowers_own_loop_runs_on_it_with_a_broken_entity() -> None:
    grid, names = _grid(4)
    failures: list[tuple[str, str]] = []
    averaging = OrderedFedAvg(names, lambda *failure: failures.append(failure))
    result = averaging.start(grid, ArrayRecord({"w": Array(np.zeros(2, np.float32))}), num_rounds=3)
    np.testing.assert_allclose(result.arrays["w"].numpy(), 3.0)  # the mean of 0, 1 and 2 is added in each round
    assert result.evaluate_metrics_clientapp == {}  # nobody was asked: an entity of this app that is would be a failure
    assert [entity for entity, _ in failures] == ["d"] * 3


@pytest.mark.parametrize("averaging", [OrderedFedAvg, OrderedFedProx])
def test_messages_go_out_in_the_order_of_names_and_touch_nothing(averaging: type[OrderedFedAvg] | type[OrderedFedProx]) -> None:
    grid, names = _grid(3)
    extra = {"proximal_mu": 0.3} if averaging is OrderedFedProx else {}
    failures: list[tuple[str, str]] = []
    strategy = averaging(names | {5: "z"}, lambda *failure: failures.append(failure), **extra)  # type: ignore[arg-type]
    config, before = ConfigRecord({"lr": 0.1}), random.getstate()
    arrays = ArrayRecord({"w": Array(np.zeros(2, np.float32))})
    trainings = list(strategy.configure_train(4, arrays, config, grid))
    assert [names[message.metadata.dst_node_id] for message in trainings] == ["a", "b", "c"]
    assert all(message.content["config"]["server-round"] == 4 for message in trainings)
    assert list(strategy.configure_evaluate(4, arrays, config, grid)) == []
    assert dict(config) == {"lr": 0.1}
    assert random.getstate() == before
    assert failures == [("z", "is not connected")]
    assert trainings[0].content["config"].get("proximal-mu") == extra.get("proximal_mu")


def test_a_reply_must_have_the_shapes_that_were_sent_even_if_most_agree_on_others() -> None:
    grid, names = _grid(3)
    failures: list[tuple[str, str]] = []
    averaging = OrderedFedAvg(names, lambda *failure: failures.append(failure))
    list(averaging.configure_train(1, ArrayRecord({"w": Array(np.zeros(2, np.float32))}), ConfigRecord(), grid))
    (first, second, third) = names
    wrong = {"w": np.zeros(3, np.float32)}
    replies = [_update(first, wrong), _update(second, {"w": np.ones(2, np.float32)}), _update(third, wrong)]
    arrays, _ = averaging.aggregate_train(1, replies)
    assert arrays is not None
    np.testing.assert_array_equal(arrays["w"].numpy(), np.ones(2))
    assert {entity for entity, _ in failures} == {"b", "c"}
    assert "sent float32 (2,), got float32 (3,)" in failures[0][1]


def test_silence_is_reported() -> None:
    grid, names = _grid(3)
    failures: list[tuple[str, str]] = []
    averaging = OrderedFedAvg(names, lambda *failure: failures.append(failure))
    list(averaging.configure_train(1, ArrayRecord(), ConfigRecord(), grid))
    averaging.aggregate_train(1, [Message(Error(5, "lost"), reply_to=_asked(1))])
    assert failures == [("node 1", "error 5: lost"), ("a", "did not answer"), ("b", "did not answer"), ("c", "did not answer")]


@pytest.mark.parametrize(("entities", "reason"), [({}, "at least one"), ({1: "a", 2: "a"}, "one node")])
def test_entities_that_cannot_take_part_are_refused(entities: dict[int, str], reason: str) -> None:
    with pytest.raises(SettingError, match=reason):
        OrderedFedAvg(entities)
    with pytest.raises(SettingError, match=reason):
        OrderedFedProx(entities, proximal_mu=0.1)


def test_what_is_the_same_in_all_replies_stays_as_it_is_bit_for_bit() -> None:
    fixed = np.random.default_rng(9).normal(size=(40, 7)).astype(np.float32)
    replies = [_update(node, _weights(seed) | {"anchors": fixed}, weight=3 + 2 * seed) for seed, node in enumerate(ENTITIES)]
    own, _ = FedAvg().aggregate_train(1, replies)
    assert own is not None
    assert not np.array_equal(own["anchors"].numpy(), fixed)  # Flower's own sum rounds: else this test could not fail
    arrays, _ = OrderedFedAvg(ENTITIES).aggregate_train(1, replies)
    assert arrays is not None
    assert arrays["anchors"].dtype == "float32"
    assert np.array_equal(arrays["anchors"].numpy(), fixed)
    moved = [_update(11, _weights(0) | {"anchors": fixed + 1}, weight=3), *replies[1:]]
    arrays, _ = OrderedFedAvg(ENTITIES).aggregate_train(1, moved)
    assert arrays is not None
    np.testing.assert_allclose(arrays["anchors"].numpy(), fixed + 3 / 24, rtol=1e-5, atol=1e-6)  # who moves them is averaged


@pytest.mark.parametrize("claimed", [10**15, 1e300, 41])
def test_no_update_weighs_more_than_it_may_whatever_it_claims(claimed: float) -> None:
    told: list[tuple[str, str]] = []
    averaged: list[str] = []
    most = {"a": 40, "b": 5, "c": 100}
    averaging = OrderedFedAvg(ENTITIES, lambda *each: told.append(each), lambda entity, _: averaged.append(entity), most)
    arrays, metrics = averaging.aggregate_train(1, _with(13, _update(13, _weights(2), weight=claimed, loss=0.2)))
    wanted, mean = OrderedFedAvg(ENTITIES).aggregate_train(1, _with(13, _update(13, _weights(2), weight=40, loss=0.2)))
    assert _bytes(arrays) == _bytes(wanted)
    assert metrics == mean
    assert told == [("a", f"claimed {claimed} samples and weighs 40")]
    assert averaged == ["a", "b", "c", "d"]  # d is not named, and weighs what it claims
