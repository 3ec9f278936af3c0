"""What is fetched is what others sent, and of averages as much as went into them."""

from dataclasses import replace

import pytest

from dpm_flower.core.arms import RECEIVED, AveragingArm, SharingArm
from dpm_flower.core.outcome import RoundFigures
from dpm_flower.studies.cells import Cell
from dpm_flower.studies.traffic import with_fetched
from tests.studies.hand_made import STUDY, Named

RELEASE = {"a": 100.0, "b": 20.0, "c": 3.0}  # different powers of ten: a sum tells whose releases are in it
UPDATE = 0.5
METHOD = Named("poisoned")
OWN = SharingArm(name="own", method=METHOD)
SHARED = SharingArm(name="shared", method=METHOD, refine="shared", rounds=2)


def fetched(*arms, arm="own"):
    """Arms -> by entity what it fetched in one of them, and after each round; one seed, in which everybody releases who may."""
    study = replace(STUDY, arms=arms, seeds=(0,))
    cells = [Cell(0, RECEIVED, name, {}, {"seconds": 1.0}) for name in "abc"]
    for each in arms:
        for name in "abc":
            released = RELEASE[name] if isinstance(each, SharingArm) and each.sends(name) else 0.0
            rounds = each.rounds if isinstance(each, AveragingArm) or each.refine == "shared" else 0
            sent = [released + UPDATE * number for number in range(1, rounds + 1)]
            figures = tuple(RoundFigures(number, {}, {"bytes_sent": spent}) for number, spent in enumerate(sent, 1))
            cells.append(Cell(0, each.name, name, {}, {"bytes_sent": [released, *sent][-1]}, rounds=figures))
    found = with_fetched(study, cells)
    assert [(cell.arm, cell.entity) for cell in found] == [(cell.arm, cell.entity) for cell in cells]
    return {
        cell.entity: [cell.costs["bytes_fetched"], *(each.costs["bytes_fetched"] for each in cell.rounds)]
        for cell in found
        if cell.arm == arm and "bytes_fetched" in cell.costs
    }


def test_a_receiver_fetches_every_release_but_its_own():
    assert fetched(OWN) == {"a": [23.0], "b": [103.0], "c": [120.0]}


def test_only_receivers_fetch_and_only_from_senders():
    assert fetched(replace(OWN, receivers=("b", "c"), senders=("a", "b"))) == {"b": [100.0], "c": [120.0]}


def test_where_nobody_trains_nobody_fetches():
    assert fetched(replace(OWN, refine="none")) == {}


def test_an_average_is_as_large_as_an_update_in_every_round():
    assert fetched(AveragingArm(name="own", rounds=2)) == {name: [1.0, 0.5, 1.0] for name in "abc"}


def test_a_shared_decider_costs_releases_once_and_an_average_in_every_round():
    assert fetched(OWN, SHARED, arm="shared") == {"a": [24.0, 23.5, 24.0], "b": [104.0, 103.5, 104.0], "c": [121.0, 120.5, 121.0]}


@pytest.mark.parametrize("other", [None, replace(OWN, senders=("a", "b")), replace(OWN, method=Named("poisoned", weight=3.0))])
def test_a_release_whose_size_no_arm_tells_leaves_the_figure_out(other):
    assert fetched(*filter(None, [other]), SHARED, arm="shared") == {}


def test_each_sender_s_own_variant_of_a_method_counts():
    coarse = Named("poisoned", weight=9.0)
    mixed = replace(SHARED, exceptions=(("c", coarse),))
    told = replace(OWN, name="coarse", method=coarse, senders=("c",))
    assert fetched(OWN, told, mixed, arm="shared")["a"] == [24.0, 23.5, 24.0]


def test_nothing_is_said_of_whoever_never_answered():
    study = replace(STUDY, arms=(OWN,), seeds=(0,))
    silent, there = Cell(0, "own", "a", {}, {}, "silent"), Cell(0, "own", "b", {}, {"bytes_sent": 20.0})
    left, right = with_fetched(study, [silent, there])
    assert (dict(left.costs), right.costs["bytes_fetched"]) == ({}, 0.0)  # b fetched nothing of a, who released nothing
