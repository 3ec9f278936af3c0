"""Nodes that are gone are looked for, whatever the SuperLink does."""

import logging

import pytest

from dpm_flower.core.errors import PeerError
from dpm_flower.federation import returning
from dpm_flower.federation.replies import MAX_FAILURES
from dpm_flower.federation.returning import awaited, first_back


class Looks:
    """A grid whose looks come out as told, the last one for ever; an error is raised."""

    def __init__(self, *looks):
        self.looks, self.taken = list(looks), 0

    def get_node_ids(self):
        self.taken += 1
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(look, Exception):
            raise look
        return look


@pytest.fixture
def slept(monkeypatch):
    """-> the sleeps so far; time passes by sleeping only, from 0 on."""
    slept = []
    monkeypatch.setattr(returning.time, "monotonic", lambda: sum(slept))
    monkeypatch.setattr(returning.time, "sleep", slept.append)
    return slept


LOCKED = RuntimeError("500: the database is locked")


def test_the_first_that_is_back_ends_the_wait(slept):
    assert first_back(Looks([3], [3], [2, 3]), {1: 300.0, 2: 300.0}, 1.0) == {2}
    assert slept == [1.0, 1.0]


def test_none_is_back_when_the_last_time_is_over(slept):
    assert first_back(Looks([3]), {1: 4.0, 2: 9.0}, 1.0) == set()
    assert sum(slept) == 9


def test_one_look_is_taken_however_late_it_is(slept):
    slept.append(1000.0)
    assert first_back(Looks([1]), {1: 4.0}) == {1}
    assert first_back(Looks([]), {1: 4.0}) == set()
    assert first_back(Looks(LOCKED, [1]), {1: 4.0}) == {1}


def test_looks_that_fail_are_repeated_after_growing_pauses(slept):
    assert first_back(Looks(LOCKED, LOCKED, [], LOCKED, [1]), {1: 300.0}, 1.0) == {1}
    assert slept == [2.0, 4.0, 1.0, 2.0]


def test_those_that_are_there_are_told_when_they_are_enough_or_the_time_is_over(slept):
    assert awaited(Looks([1], LOCKED, [1, 2]), lambda there: len(there) > 1, 300.0, 1.0) == {1, 2}
    assert awaited(Looks([1]), lambda there: len(there) > 1, 300.0, 1.0) == {1}
    assert 300 <= sum(slept) < 302


def test_a_look_that_fails_is_told_to_whoever_watches(slept, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("flwr"), "propagate", True)
    awaited(Looks(LOCKED, [1]), bool, 300.0)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "cannot be told at this moment: 500: the database is locked" in caplog.text


def test_looks_that_keep_failing_are_an_error(slept):
    grid = Looks(LOCKED)
    with pytest.raises(PeerError, match=f"{MAX_FAILURES} .* in a row .* the database is locked"):
        first_back(grid, {1: 1e9}, 0.5)
    assert grid.taken == MAX_FAILURES
    assert 60 < sum(slept) < 180
