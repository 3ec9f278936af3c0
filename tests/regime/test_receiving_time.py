import pytest

from dpm_flower.regime.receiving_time import PART, ReceivingTime


class Clock:
    def __init__(self):
        self.now = 5.0

    def __call__(self):
        return self.now


def test_it_is_a_part_of_the_phase_and_only_what_is_counted_is_gone():
    clock = Clock()
    waiting = ReceivingTime(100.0, clock)
    assert waiting.allowed_s == waiting.share_s(1) == PART * 100.0 < 100.0
    clock.now += 1000
    assert waiting.share_s(1) == waiting.allowed_s
    with waiting.counted():
        clock.now += 20
    assert waiting.share_s(1) == waiting.allowed_s - 20


def test_what_ends_by_an_error_is_counted_too():
    clock = Clock()
    waiting = ReceivingTime(100.0, clock)

    def fail():
        clock.now += 50
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), waiting.counted():
        fail()
    assert waiting.is_over
    assert waiting.share_s(3) <= 0


def test_slow_ones_leave_the_others_an_equal_share_and_fast_ones_leave_more():
    clock = Clock()
    waiting = ReceivingTime(200.0, clock)
    shares = []
    for still, slow in ((4, True), (3, False), (2, True), (1, True)):
        shares.append(waiting.share_s(still))
        with waiting.counted():
            clock.now += shares[-1] if slow else 0
    assert shares == [25.0, 25.0, 37.5, 37.5]
    assert waiting.is_over
