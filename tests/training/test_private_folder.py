import stat

import pytest

from dpm_flower.core.errors import OutputError
from dpm_flower.training.private_folder import make_private


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_is_its_owners_alone(tmp_path):
    make_private(tmp_path / "deep" / "new")
    assert mode(tmp_path / "deep" / "new") == 0o700


@pytest.mark.parametrize("before", [0o755, 0o777, 0o500, 0o700])
def test_a_folder_that_is_there_is_closed(tmp_path, before):
    (tmp_path / "there").mkdir()
    (tmp_path / "there").chmod(before)
    make_private(tmp_path / "there")
    assert mode(tmp_path / "there") == 0o700


def test_what_cannot_be_a_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputError, match="cannot write to"):
            make_private(folder)


def test_a_folder_that_cannot_be_closed_is_refused(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(1, "Operation not permitted")

    tmp_path.chmod(0o755)
    monkeypatch.setattr("pathlib.Path.chmod", refused)
    with pytest.raises(OutputError, match="close it to others"):
        make_private(tmp_path)
