"""What rounds cost and were worth, summed up to each of them."""

import pytest

from dpm_flower.core.outcome import RoundFigures
from dpm_flower.federation.rounds import Rounds


@pytest.fixture
def rounds() -> Rounds:
    noted = Rounds()
    for number, seconds in ((1, 2.0), (2, 3.0), (4, 5.0)):  # silent in the third
        noted.spend("arm", "a", number, {"seconds": seconds, "bytes_sent": 10.0})
    noted.spend("arm", "b", 1, {"seconds": 100.0})
    noted.spend("other", "a", 1, {"seconds": 100.0})
    noted.judge("arm", "a", 2, {"top1": 0.5})
    return noted


def test_costs_are_those_so_far_and_quality_that_of_the_round(rounds: Rounds) -> None:
    assert rounds.figures("arm", "a", 4, {"bytes_sent": 1.0}) == (
        RoundFigures(1, {}, {"seconds": 2.0, "bytes_sent": 11.0}),
        RoundFigures(2, {"top1": 0.5}, {"seconds": 5.0, "bytes_sent": 21.0}),
        RoundFigures(3, {}, {"seconds": 5.0, "bytes_sent": 21.0}),
        RoundFigures(4, {}, {"seconds": 10.0, "bytes_sent": 31.0}),
    )


def test_the_last_round_costs_what_the_arm_costs(rounds: Rounds) -> None:
    assert rounds.figures("arm", "a", 4, {})[-1].costs == rounds.spent("arm", "a") == {"seconds": 10.0, "bytes_sent": 30.0}


def test_each_entity_and_arm_has_its_own(rounds: Rounds) -> None:
    assert rounds.spent("arm", "b") == {"seconds": 100.0}
    assert rounds.by_round("arm", "a")[2] == {"seconds": 3.0, "bytes_sent": 10.0}
    assert rounds.spent("no such arm", "a") == {}
    assert rounds.figures("no such arm", "a", 0, {"seconds": 1.0}) == ()


def test_what_is_asked_twice_counts_once(rounds: Rounds) -> None:
    """A resumed run notes again what it finds."""
    rounds.spend("arm", "a", 1, {"seconds": 2.0, "bytes_sent": 10.0})
    assert rounds.spent("arm", "a")["seconds"] == 10.0


def test_notes_are_told_once_with_their_rounds(rounds: Rounds) -> None:
    for number in (3, 1, 2, 5, 7, 8):
        rounds.note("arm", "c", number, "is missing: no memory")
    rounds.note("arm", "b", 4, "was shortened")
    rounds.note("arm", "b", 4, "was shortened")
    assert rounds.remark("arm") == "the update of b was shortened (round 4); the update of c is missing: no memory (rounds 1-3, 5, 7-8)"
    assert rounds.remark("other") == ""
    assert sorted(rounds.notes("arm"))[:2] == [(1, "c", "is missing: no memory"), (2, "c", "is missing: no memory")]
    assert len(list(rounds.notes("arm"))) == 7


def test_notes_put_back_are_the_same_notes(rounds: Rounds) -> None:
    rounds.note("arm", "c", 2, "is missing: gone")
    other = Rounds()
    for number, entity, told in rounds.notes("arm"):
        other.note("arm", entity, number, told)
    assert other.remark("arm") == rounds.remark("arm") == "the update of c is missing: gone (round 2)"
