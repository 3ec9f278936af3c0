import os
import stat

import pytest

from dpm_flower.core.errors import OutputError, RetentionError
from dpm_flower.data.retention import layout
from dpm_flower.data.retention.layout import Name


def test_a_name_says_when_a_thing_goes_and_sorts_by_it():
    name = Name(1_700_000_000, "0" * 32)
    assert str(name) == "001700000000-" + "0" * 32
    assert Name.parse(str(name)) == name
    assert sorted(map(str, (Name(100, "b" * 32), Name(20, "c" * 32)))) == [str(Name(20, "c" * 32)), str(Name(100, "b" * 32))]
    for text in ("", "x", f"{name}.png", f".{name}", str(name).upper().replace("0" * 32, "A" * 32), str(name)[:-1]):
        assert Name.parse(text) is None


def test_folders_are_their_owners_alone_and_those_that_are_open_are_closed(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(0o777)
    layout.make(tmp_path / "a")
    layout.check(tmp_path / "a")
    for place in (tmp_path / "a", tmp_path / "a" / "items", tmp_path / "a" / "derived"):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "a" / ".lock").stat().st_mode) == 0o600


def test_what_is_no_store_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for name in ("nothing", "file"):
        with pytest.raises(RetentionError):
            layout.check(tmp_path / name)
    with pytest.raises((RetentionError, OutputError)):
        layout.make(tmp_path / "file")
    with pytest.raises(RetentionError, match="got none"):
        layout.check(tmp_path)


def test_a_link_that_comes_into_the_place_of_a_folder_turns_nothing_elsewhere(tmp_path):
    layout.make(tmp_path / "a")
    (tmp_path / "other").mkdir()
    with layout.opened(tmp_path / "a", "items") as place:
        (tmp_path / "a" / "items").rename(tmp_path / "moved")
        (tmp_path / "a" / "items").symlink_to(tmp_path / "other")
        os.close(os.open("new", os.O_CREAT | os.O_WRONLY, dir_fd=place))
    assert (tmp_path / "moved" / "new").exists()
    with pytest.raises(OSError, match="irectory"), layout.opened(tmp_path / "a", "items"):
        pass
