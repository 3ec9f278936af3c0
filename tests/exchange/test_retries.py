import math
import random
from itertools import islice

import pytest

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.exchange.retries import Patience, Tries


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self):
        self.now, self.slept = 1000.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def tries(clock, size=0, most_s=math.inf, **patience):
    return Tries("fetching", Patience(**patience), size, random.Random(0), most_s=most_s, clock=clock, sleep=clock.sleep)


@pytest.mark.parametrize("knob", ["start_s", "least_bytes_per_s", "first_wait_s", "longest_wait_s"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_what_is_not_above_zero_is_refused(knob, value):
    with pytest.raises(SettingError, match=f"{knob} must be > 0"):
        Patience(**{knob: value})


def test_a_deadline_grows_with_the_size_by_the_least_rate():
    patience = Patience(start_s=10, least_bytes_per_s=100)
    assert patience.deadline_s(0) == 10
    assert patience.deadline_s(5000) == 60


def test_waits_double_up_to_the_longest_and_half_of_each_is_drawn():
    waits = list(islice(Patience(first_wait_s=1, longest_wait_s=8).waits_s(random.Random(1)), 200))
    for wait, longest in zip(waits, [1, 2, 4, *[8] * 197], strict=True):
        assert longest / 2 < wait <= longest
    assert max(waits[3:]) > 7.5
    assert min(waits[3:]) < 4.5


def test_the_same_generator_gives_the_same_waits_and_another_one_others():
    first, again, other = (list(islice(Patience().waits_s(random.Random(seed)), 5)) for seed in (1, 1, 2))
    assert first == again != other


def test_tries_end_at_the_deadline_with_the_last_reason():
    clock = Clock()
    trying = tries(clock, size=900, start_s=1, least_bytes_per_s=100)
    with pytest.raises(ReleaseError, match=r"fetching: not within 10 s; the last try: gone away \d+$"):
        list(map(trying.wait, (f"gone away {number}" for number in range(1000))))
    assert sum(clock.slept) <= 10
    assert 0 < trying.left_s < 5


def test_progress_makes_the_waits_short_again_and_the_deadline_no_later():
    clock = Clock()
    trying = tries(clock, start_s=100)
    for _ in range(5):
        trying.wait("cut")
    left = trying.left_s
    trying.went_on()
    assert trying.left_s == left
    trying.wait("cut")
    assert clock.slept[4] > 0.5
    assert clock.slept[5] <= 0.1


def test_a_part_has_its_own_name_and_short_waits_and_the_time_of_the_whole():
    clock = Clock()
    whole = tries(clock, start_s=20)
    for _ in range(8):
        whole.wait("cut")
    first = whole.of_part("the first")
    assert first.left_s == whole.left_s < 20
    first.wait("cut")
    assert clock.slept[-1] <= 0.1
    second = whole.of_part("the second")
    with pytest.raises(ReleaseError, match=r"^the second: not within 20 s; the last try: cut$"):
        list(map(second.wait, ["cut"] * 1000))
    assert sum(clock.slept) <= 20
    assert whole.what == "fetching"


@pytest.mark.parametrize(("most_s", "allowed_s"), [(3.0, 3.0), (50.0, 10.0)])
def test_the_deadline_is_no_later_than_somebody_allows(most_s, allowed_s):
    trying = tries(Clock(), size=900, most_s=most_s, start_s=1, least_bytes_per_s=100)
    assert trying.left_s == allowed_s


@pytest.mark.parametrize("most_s", [0.0, -4.0])
def test_with_no_time_at_all_there_is_no_second_try(most_s):
    clock = Clock()
    with pytest.raises(ReleaseError, match="not within"):
        tries(clock, most_s=most_s).wait("cut")
    assert clock.slept == []
