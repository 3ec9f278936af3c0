import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.moments import LAST_MOMENT, moment, seconds_of

SECONDS = st.one_of(st.integers(0, LAST_MOMENT), st.sampled_from([0, LAST_MOMENT]))


@settings(max_examples=100, deadline=None)
@given(SECONDS, SECONDS)
def test_a_moment_is_read_back_and_moments_sort_as_their_seconds(one, other):
    assert seconds_of(moment(one), "a moment") == one
    assert (moment(one) < moment(other)) == (one < other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-20",
        "2026-11-20T19:47:00",
        "2026-11-20T19:47:00+01:00",
        "2026-11-20T19:47:00.5Z",
        "2026-11-20t19:47:00Z",
        "2026-11-20 19:47:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T19:47:60Z",
        "2026-11-2٠T19:47:00Z",
        "2026-11-20T19:47:00Z\n",
        "0000-01-01T00:00:00Z",
    ],
)
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(ReleaseError, match="made_at must be a moment such as"):
        seconds_of(text, "made_at")


def test_a_moment_before_1970_is_refused():
    with pytest.raises(ReleaseError, match="must not lie before 1970"):
        seconds_of("1969-12-31T23:59:59Z", "made_at")
