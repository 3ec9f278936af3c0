import pytest

from dpm_flower.core.errors import OutputError
from dpm_flower.studies.atomic import write_atomically


def test_the_file_is_replaced_whole_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    write_atomically(path, b"old, and longer")
    assert write_atomically(path, b"new") == path
    assert path.read_bytes() == b"new"
    assert [one.name for one in path.parent.iterdir()] == ["file.txt"]


def test_a_place_that_cannot_be_written_is_refused_and_keeps_what_it_had(tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "inside").write_bytes(b"kept")
    with pytest.raises(OutputError, match="taken") as refusal:
        write_atomically(tmp_path / "taken", b"new")
    assert refusal.value.__cause__ is not None
    assert sorted(one.name for one in tmp_path.iterdir()) == ["taken"]
    with pytest.raises(OutputError):
        write_atomically(tmp_path / "taken" / "inside" / "file", b"new")
    assert (tmp_path / "taken" / "inside").read_bytes() == b"kept"
