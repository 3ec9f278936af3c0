import pytest

from dpm_flower.core.errors import GoneError, OutputError
from dpm_flower.data.retention.exporting import copy_out


def test_the_copy_gets_its_name_after_the_last_check(tmp_path):
    seen = []
    copy_out(b"content", tmp_path / "out", lambda: seen.append(sorted(path.name for path in tmp_path.iterdir())))
    assert len(seen) == 1
    assert seen[0][0].endswith(".partial")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out", b"content")]


def test_nothing_is_left_where_the_check_refuses_or_something_lies_there(tmp_path):
    def over():
        raise GoneError("over")

    with pytest.raises(GoneError):
        copy_out(b"content", tmp_path / "out", over)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "out").write_bytes(b"other")
    with pytest.raises(OutputError, match="cannot export to"):
        copy_out(b"content", tmp_path / "out", lambda: None)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("out", b"other")]
    with pytest.raises(OutputError, match="cannot export"):
        copy_out(b"content", tmp_path / "none" / "out", lambda: None)
