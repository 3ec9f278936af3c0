import pytest

from dpm_flower.core.errors import OutputError
from dpm_flower.regime.intake_log import Intake, IntakeLog


def test_what_was_done_again_counts_once_and_the_last_id_is_the_one(tmp_path):
    log = IntakeLog(tmp_path / "days" / "log")
    assert log.read() == Intake(0, 0, 0, frozenset())
    for what, name, came_at, detail in (
        ("taken", "cat/a.png", 5, "aa"),
        ("taken", "cat/a.png", 5, "ab"),
        ("taken", "cat/a.png", 6, "ac"),
        ("rejected", "cat/b.png", 5, "no image"),
        ("rejected", "cat/b.png", 5, "no image"),
        ("over", "cat/c.png", 5, ""),
    ):
        log.note(what, name, came_at, detail)
    assert log.read() == Intake(taken=2, rejected=1, over=1, ids=frozenset({"ab", "ac"}))
    assert b"png" not in log.path.read_bytes()
    assert b"image" not in log.path.read_bytes()


def test_of_a_line_that_was_cut_off_nothing_counts_and_the_next_one_does(tmp_path):
    log = IntakeLog(tmp_path / "log")
    log.note("taken", "a", 1, "aa")
    whole = log.path.read_bytes()
    log.note("rejected", "b", 1, "")
    log.path.write_bytes(log.path.read_bytes()[:-3])
    assert log.read() == Intake(1, 0, 0, frozenset({"aa"}))
    log.note("over", "c", 1, "")
    assert log.read() == Intake(1, 0, 1, frozenset({"aa"}))
    assert log.path.read_bytes().startswith(whole)


def test_a_place_that_cannot_be_written_or_read_is_refused(tmp_path):
    (tmp_path / "log").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        IntakeLog(tmp_path / "log").note("over", "c", 1, "")
    with pytest.raises(OutputError, match="cannot read"):
        IntakeLog(tmp_path / "log").read()
