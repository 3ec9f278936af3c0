"""What lies in an inbox, what is hidden there, and what cannot be looked into."""

import os

from dpm_flower.data.retention.inbox_files import files_in


def names(paths, inbox):
    return sorted(str(path.relative_to(inbox)) for path in paths)


def test_files_are_found_at_any_depth_and_the_hidden_ones_apart(tmp_path):
    for name in ("a", "cat/b", "cat/deeper/c", ".d", "cat/.e", "cat/.tmp/f", "cat/.tmp/deeper/g", "rejected/h", "cat/rejected/i"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "cat" / "link").symlink_to(tmp_path / "rejected")
    found = files_in(tmp_path)
    assert names(found.came, tmp_path) == ["a", "cat/b", "cat/deeper/c", "cat/link", "cat/rejected/i"]
    assert names(found.hidden, tmp_path) == [".d", "cat/.e", "cat/.tmp/deeper/g", "cat/.tmp/f"]
    assert found.failed == []


def test_a_folder_that_cannot_be_read_is_told_without_its_name_and_the_others_are_read(tmp_path, monkeypatch):
    for name in ("anna/a", "cat/b"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"")
    scandir = os.scandir

    def closed(path):
        if str(path).endswith("anna"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    found = files_in(tmp_path)
    assert names(found.came, tmp_path) == ["cat/b"]
    assert [str(one) for one in found.failed] == [f"cannot read a folder of the inbox {tmp_path}: Permission denied"]


def test_an_inbox_that_is_not_there_is_told(tmp_path):
    assert "cannot read the inbox" in str(files_in(tmp_path / "none").failed[0])
