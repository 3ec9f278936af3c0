import pytest

from dpm_flower.core.errors import OutputError
from dpm_flower.exchange.guard import Told
from dpm_flower.exchange.thinning import AT_ONCE, PER_S, Thinned


class Clock:
    now = 7.0

    def __call__(self):
        return self.now


def test_what_is_served_is_always_told():
    passed = []
    thinned = Thinned(passed.append, Clock())
    served = [Told("a", "Fetch", "f" * 64, position) for position in range(10 * AT_ONCE)]
    for one in served:
        thinned(one)
    assert passed == served


def test_refusals_of_one_peer_are_thinned_and_none_goes_uncounted():
    passed, clock = [], Clock()
    thinned = Thinned(passed.append, clock)
    refused = Told("a", "Fetch", refusal="not on the roster")
    for _ in range(AT_ONCE + 5):
        thinned(refused)
    assert passed == [refused] * AT_ONCE
    thinned(Told("b", "Fetch", refusal="revoked"))
    assert passed[-1].peer == "b"
    clock.now += 1 / PER_S
    thinned(refused)
    thinned(refused)
    assert passed[-1].refusal == "not on the roster (and 5 more since the last)"
    assert len(passed) == AT_ONCE + 2
    clock.now += 1 / PER_S
    thinned(refused)
    assert passed[-1].refusal == "not on the roster (and 1 more since the last)"


def test_what_telling_raises_comes_through():
    def full(told):
        raise OutputError("no space")

    with pytest.raises(OutputError, match="no space"):
        Thinned(full, Clock())(Told("a", "Fetch", "f" * 64, 0))
