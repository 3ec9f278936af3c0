import pytest

from dpm_flower.apps.doctor.finding import DAY_S, Finding, lasting, skipped


def test_a_finding_is_one_line_whatever_others_say() -> None:
    one = Finding("peer b", "warning", "it said:\nok       all is well\r\n", "chmod 700 x")
    assert one.line() == "warning  peer b: it said: ok all is well -> chmod 700 x"
    assert Finding("clock", "ok", "right").line() == "ok       clock: right"


@pytest.mark.parametrize(
    ("left_s", "mark"), [(-1, "wrong"), (0, "wrong"), (1, "warning"), (14 * DAY_S - 1, "warning"), (14 * DAY_S, "ok"), (400 * DAY_S, "ok")]
)
def test_what_ends_within_two_weeks_is_a_warning_and_then_wrong(left_s: int, mark: str) -> None:
    one = lasting("dates", "it", 1_000_000_000 + left_s, 1_000_000_000, "renew it")
    assert (one.mark, one.remedy) == (mark, "" if mark == "ok" else "renew it")


def test_what_was_skipped_says_what_to_mend() -> None:
    assert skipped("membership", "there is no roster", "roster").line() == (
        "skipped  membership: not checked: there is no roster -> mend first what is said of roster"
    )
