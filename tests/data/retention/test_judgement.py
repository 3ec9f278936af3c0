from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dpm_flower.data.retention.clock import Instant
from dpm_flower.data.retention.judgement import TOLERANCE_S, Mark, behind_s, judged

MARK = Mark(1000.0, 50.0, "a", sure=True)


def test_a_clock_that_goes_right_counts_to_the_second():
    assert judged(None, Instant(7.9, 1.0, "a")) == Mark(7.9, 1.0, "a", sure=True)
    mark = judged(MARK, Instant(1010.5, 60.5, "a"))
    assert (mark.now, mark.sure, behind_s(mark, Instant(1010.5, 60.5, "a"))) == (1010, True, 0)


def test_set_back_while_the_machine_runs_time_goes_on_from_the_mark():
    instant = Instant(400.0, 80.0, "a")
    mark = judged(MARK, instant)
    assert (mark.now, mark.sure, behind_s(mark, instant)) == (1030, True, 630)
    assert judged(mark, Instant(410.0, 90.0, "a")).now == 1040


def test_behind_after_a_new_start_nobody_knows_the_time_until_the_clock_has_caught_up():
    mark = judged(MARK, Instant(400.0, 3.0, "b"))
    assert (mark.now, mark.sure) == (1000, False)
    mark = judged(mark, Instant(410.0, 13.0, "b"))
    assert (mark.now, mark.sure) == (1010, False)
    mark = judged(mark, Instant(2000.0, 14.0, "b"))
    assert (mark.now, mark.sure) == (2000, True)


def test_the_steps_of_a_time_server_are_no_trouble():
    instant = Instant(1000.0 - TOLERANCE_S, 1.0, "b")
    mark = judged(MARK, instant)
    assert (mark.now, mark.sure, behind_s(mark, instant)) == (1000, True, 0)


INSTANTS = st.lists(st.builds(Instant, st.floats(0, 1e9), st.floats(0, 1e6), st.sampled_from("ab")), min_size=1, max_size=8)


@given(INSTANTS)
def test_the_time_that_counts_never_goes_back_and_is_never_behind_the_clock(instants):
    mark = None
    for instant in instants:
        before, mark = mark, judged(mark, instant)
        assert mark.highest_s >= instant.wall_s
        assert before is None or mark.highest_s >= before.highest_s
        assert judged(mark, instant) == replace(mark, sure=mark.sure or judged(mark, instant).sure)


@given(st.lists(st.floats(0, 1e5), max_size=8))
def test_a_clock_that_only_goes_on_is_never_judged_early(steps):
    mark, now = judged(None, Instant(0.0, 0.0, "a")), 0.0
    for step in steps:
        now += step
        mark = judged(mark, Instant(now, now, "a"))
        assert mark.highest_s <= now + 1e-6
