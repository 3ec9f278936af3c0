import threading
from contextlib import ExitStack

import pytest

from dpm_flower.core.errors import PeerError, SettingError
from dpm_flower.exchange.limits import Limits, Meter


class Clock:
    now = 50.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize("knob", ["calls_per_s", "calls", "bytes_per_s", "bytes", "calls_at_once", "longest_call_s"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_what_is_not_above_zero_is_refused(knob, value):
    with pytest.raises(SettingError, match=f"{knob} must be > 0"):
        Limits(**{knob: value})


def made(meter, peer, size=0):
    with meter.call(peer) as spend:
        spend(size)


def test_calls_come_back_with_time_and_no_more_than_there_were():
    clock = Clock()
    meter = Meter(Limits(calls=3, calls_per_s=2), clock)
    for _ in range(3):
        made(meter, "a")
    with pytest.raises(PeerError, match=r"a may make 2 calls a second, got more: again in 0.5 s"):
        made(meter, "a")
    made(meter, "b")
    clock.now += 0.5
    made(meter, "a")
    with pytest.raises(PeerError, match="calls a second"):
        made(meter, "a")
    clock.now += 1000
    for _ in range(3):
        made(meter, "a")
    with pytest.raises(PeerError, match="calls a second"):
        made(meter, "a")


def test_a_call_may_exceed_its_bytes_and_the_next_one_waits_until_they_are_paid():
    clock = Clock()
    meter = Meter(Limits(bytes=100, bytes_per_s=10), clock)
    made(meter, "a", 100)
    made(meter, "a", 50)
    with pytest.raises(PeerError, match=r"a may move 10 bytes a second, got more: again in 5 s"):
        made(meter, "a")
    made(meter, "b")
    clock.now += 4.9
    with pytest.raises(PeerError, match="bytes a second"):
        made(meter, "a")
    clock.now += 0.2
    made(meter, "a")


def test_time_that_passes_while_nothing_is_missing_gives_nothing():
    clock = Clock()
    meter = Meter(Limits(bytes=100, bytes_per_s=10), clock)
    with meter.call("a") as spend:
        clock.now += 1000
        spend(150)
    with pytest.raises(PeerError, match="again in 5 s"):
        made(meter, "a")


def test_what_a_long_call_spends_comes_back_while_it_lasts():
    clock = Clock()
    meter = Meter(Limits(bytes=100, bytes_per_s=10), clock)
    with meter.call("a") as spend:
        for _ in range(10):
            spend(20)
            clock.now += 1
    made(meter, "a", 10)  # nothing is owed: 200 spent, 100 there, 100 came back
    with pytest.raises(PeerError, match="again in 1 s"):
        made(meter, "a")


def test_refused_calls_cost_nothing():
    clock = Clock()
    meter = Meter(Limits(calls=1, calls_per_s=1), clock)
    made(meter, "a")
    for _ in range(10):
        with pytest.raises(PeerError):
            made(meter, "a")
    clock.now += 1
    made(meter, "a")


def test_calls_at_once_are_counted_for_each_peer_and_given_back_whatever_happens():
    meter = Meter(Limits(calls_at_once=2))
    with ExitStack() as open_calls:
        open_calls.enter_context(meter.call("a"))
        open_calls.enter_context(meter.call("a"))
        with pytest.raises(PeerError, match="a may make 2 calls at once"):
            made(meter, "a")
        made(meter, "b")
    with pytest.raises(ZeroDivisionError), meter.call("a"):
        raise ZeroDivisionError
    with meter.call("a"), meter.call("a"):
        pass


def test_threads_do_not_lose_counts():
    meter = Meter(Limits(bytes=1, bytes_per_s=1e-9, calls_at_once=8, calls=1e9), Clock())
    with meter.call("a") as spend:
        threads = [threading.Thread(target=lambda: [spend(1) for _ in range(1000)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with pytest.raises(PeerError, match=r"again in 8e\+12 s"):
        made(meter, "a")
