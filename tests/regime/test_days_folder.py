import stat

import pytest

from dpm_flower.core.errors import OutputError
from dpm_flower.regime.days_folder import Days, DaysFolder, OpenDay


def test_how_far_the_days_are_is_read_as_it_was_written(tmp_path):
    folder = DaysFolder(tmp_path / "inbox")
    assert folder.read() is None
    days = Days(
        ended_at=5, number=3, decider=2, networks="ab", settled=("a", "b"), day=OpenDay(ended_at=9, items=("c",), figures={"x": 0.5})
    )
    for one in (days, Days(ended_at=5)):
        assert folder.write(one) == one == folder.read()
    assert stat.S_IMODE((folder.folder / "state.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.folder.stat().st_mode) == 0o700


def test_files_that_come_while_a_day_is_open_are_the_next_ones():
    assert (Days(ended_at=5, number=3).at_work, Days(ended_at=5, number=3).collecting) == (4, 4)
    open_one = Days(ended_at=5, number=3, day=OpenDay(ended_at=9))
    assert (open_one.at_work, open_one.collecting) == (4, 5)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"ended_at": 1, "day": null, "more": 2}', '{"ended_at": 1, "day": {"more": 1}}'])
def test_a_damaged_file_is_named_and_never_taken_for_a_first_day(tmp_path, text):
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(OutputError, match=r"state\.json, which says how far this inbox is, is damaged"):
        DaysFolder(tmp_path).read()
