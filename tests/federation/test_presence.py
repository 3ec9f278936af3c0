"""Who is there, and what each has under each seed: asked in one batch, and nobody is believed who contradicts itself."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from flwr.app import Message

from dpm_flower.core.errors import QuorumError
from dpm_flower.federation import judged_on, wire
from dpm_flower.federation.presence import Present, who_is_there
from dpm_flower.federation.wire import Reply, Request
from tests.federation.standing_in import IMAGES, STUDY, Fault, Silence, StandInGrid, StandIns

SEEDS = {0: IMAGES, 1: {"a": 70, "b": 1, "c": 2, "d": 3}, 5: {"a": 1, "b": 1, "c": 1, "d": 9}}
THREE = replace(STUDY, seeds=(0, 1, 5), phase_timeout_s=0.3)


def _present(faults: Mapping[tuple[str, str], Fault] | None = None) -> tuple[Present, StandIns, StandInGrid]:
    stand_ins = StandIns(faults or {}, images=SEEDS)
    grid = StandInGrid(stand_ins)
    return who_is_there(THREE, grid, {seed: f"campaign-s{seed}" for seed in SEEDS}), stand_ins, grid


def test_each_seed_has_its_own_counts_and_each_entity_one_node() -> None:
    present, stand_ins, grid = _present()
    assert present.images == SEEDS
    assert present.nodes == dict(zip("abcd", grid.get_node_ids(), strict=True))
    assert sorted(call[1:3] for call in stand_ins.calls) == [(name, seed) for name in "abcd" for seed in SEEDS]


def test_all_seeds_are_asked_in_one_batch_each_in_its_own_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    pushed: list[list[Request]] = []
    push = StandInGrid.push_messages

    def noting(grid: StandInGrid, messages: list[Message]) -> list[str]:
        given = list(messages)
        pushed.append([wire.read_request(message) for message in given])
        return list(push(grid, given))

    monkeypatch.setattr(StandInGrid, "push_messages", noting)
    _present()
    (batch,) = pushed
    assert [(request.campaign, request.seed) for request in batch] == [(f"campaign-s{seed}", seed) for seed in SEEDS for _ in "abcd"]


def _third(change: Callable[[Reply], Reply]) -> Fault:
    """A fault of the third answer only."""
    asked: list[Reply] = []

    def fault(reply: Reply) -> Reply:
        asked.append(reply)
        return change(reply) if len(asked) == 3 else reply

    return fault


def _silent(reply: Reply) -> Reply:
    raise Silence


def _broken(reply: Reply) -> Reply:
    raise ValueError("its images cannot be read")


@pytest.mark.parametrize(
    "change",
    [
        _silent,
        _broken,
        lambda reply: replace(reply, entity="c"),
        lambda reply: replace(reply, images=0),
        lambda reply: replace(reply, images=-5),
    ],
)
def test_who_answers_otherwise_for_one_seed_is_not_there_for_any(change: Callable[[Reply], Reply]) -> None:
    present, *_ = _present({(wire.IDENTIFY, "d"): _third(change)})
    assert set(present.nodes) == {"a", "b", "c"}
    assert present.images == {seed: {name: counts[name] for name in "abc"} for seed, counts in SEEDS.items()}


def _judging(images: int) -> Fault:
    """Every answer says that its entity brought so many test images."""

    def fault(reply: Reply) -> Reply:
        return replace(reply, quality={judged_on.IMAGES: float(images), judged_on.TRIVIAL: 0.5})

    return fault


def test_what_some_are_judged_on_apart_is_noted_and_nonsense_is_no_answer() -> None:
    present, *_ = _present({(wire.IDENTIFY, "b"): _judging(12), (wire.IDENTIFY, "d"): _judging(0)})
    assert present.judged_apart == {"b": judged_on.JudgedOn(12, 0.5)}
    assert set(present.nodes) == {"a", "b", "c"}


def _deployed(reply: Reply) -> Reply:
    return replace(reply, deployed=True)


def test_one_node_with_a_site_file_is_noted_also_where_it_does_not_take_part() -> None:
    assert not _present()[0].deployed
    assert _present({(wire.IDENTIFY, "b"): _deployed})[0].deployed
    assert _present({(wire.IDENTIFY, "d"): _third(_deployed)})[0].deployed
    posing, *_ = _present({(wire.IDENTIFY, "d"): lambda reply: replace(reply, entity="c", deployed=True)})
    assert set(posing.nodes) == {"a", "b"}
    assert posing.deployed


def test_too_few_are_told_with_what_was_wrong() -> None:
    faults = {(wire.IDENTIFY, name): _third(_broken) for name in "abd"}
    with pytest.raises(
        QuorumError, match=r"wanted at least 2 of 4 entities, got 1 of 4 nodes; .*answered 2 of 3 questions, as a"
    ) as caught:
        _present(faults)
    assert "its images cannot be read" in str(caught.value)
