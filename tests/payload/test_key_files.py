import os
import stat

import pytest

from dpm_flower.core.errors import OutputError
from dpm_flower.payload import key_files
from dpm_flower.payload.key_files import check_closed_folder, new_folder, read_closed, write_new


@pytest.fixture
def folder(tmp_path):
    with new_folder(tmp_path / "keys") as partial:
        write_new(partial / "a.key", b"secret")
    return tmp_path / "keys"


def modes(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_modes_are_exact_whatever_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        with new_folder(tmp_path / "keys") as partial:
            write_new(partial / "a.key", b"secret")
            write_new(partial / "a.pub", b"public", 0o644)
    finally:
        os.umask(before)
    assert [modes(tmp_path / "keys" / name) for name in (".", "a.key", "a.pub")] == [0o700, 0o600, 0o644]


def test_the_folder_is_invisible_until_it_is_whole(tmp_path):
    with new_folder(tmp_path / "keys") as partial:
        assert partial.parent == tmp_path
        assert not (tmp_path / "keys").exists()
    assert (tmp_path / "keys").is_dir()
    assert list(tmp_path.iterdir()) == [tmp_path / "keys"]


def test_a_block_that_raises_leaves_nothing(tmp_path):
    def fail():
        with new_folder(tmp_path / "above" / "keys") as partial:
            write_new(partial / "a.key", b"secret")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert list((tmp_path / "above").iterdir()) == []


def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "keys").mkdir(mode=0o755)
    with new_folder(tmp_path / "keys") as partial:
        write_new(partial / "a.key", b"secret")
    assert modes(tmp_path / "keys") == 0o700


@pytest.mark.parametrize("there", ["folder", "file", "link", "broken link"])
def test_nothing_is_written_over(tmp_path, there):
    keys, other = tmp_path / "keys", tmp_path / "other"
    {
        "folder": lambda: (keys.mkdir(), (keys / "old").write_text("old")),
        "file": lambda: keys.write_text("old"),
        "link": lambda: (other.mkdir(), keys.symlink_to(other)),
        "broken link": lambda: keys.symlink_to(other),
    }[there]()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match="never written over"), new_folder(keys):
        pass
    assert sorted(tmp_path.rglob("*")) == before


def test_of_two_writers_the_second_is_refused(tmp_path):
    def late_writer():
        with new_folder(tmp_path / "keys") as late:
            write_new(late / "a.key", b"late")
            with new_folder(tmp_path / "keys") as early:
                assert late.exists()  # a living writer's folder is not swept
                write_new(early / "a.key", b"early")

    with pytest.raises(OutputError, match="never written over"):
        late_writer()
    assert read_closed(tmp_path / "keys" / "a.key") == b"early"
    assert list(tmp_path.iterdir()) == [tmp_path / "keys"]


def test_only_what_dead_writers_of_this_path_left_is_swept(tmp_path):
    dead, others, users = (tmp_path / f".{name}.partial" for name in (f"keys.{'0' * 16}", f"other.{'0' * 16}", "keys.mine"))
    for left in (dead, others, users):
        left.mkdir()
    with new_folder(tmp_path / "keys"):
        pass
    assert set(tmp_path.iterdir()) == {tmp_path / "keys", others, users}


@pytest.mark.parametrize("path", ["/proc/none", "/dev/null/keys"])
def test_where_nothing_can_be_written_is_told(path):
    with pytest.raises(OutputError, match=r"cannot (write|look into)"), new_folder(key_files.Path(path)):
        pass


def test_a_closed_folder_and_file_are_read(folder):
    check_closed_folder(folder)
    assert read_closed(folder / "a.key") == b"secret"
    (folder / "a.key").chmod(0o400)
    assert read_closed(folder / "a.key") == b"secret"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666])
def test_an_open_file_is_refused(folder, mode):
    (folder / "a.key").chmod(mode)
    with pytest.raises(OutputError, match=rf"too open.*mode 0{mode:o}, wanted 0600"):
        read_closed(folder / "a.key")


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o711, 0o777])
def test_an_open_folder_is_refused(folder, mode):
    folder.chmod(mode)
    with pytest.raises(OutputError, match=rf"too open.*mode 0{mode:o}, wanted 0700"):
        check_closed_folder(folder)


def test_another_users_files_are_refused(folder, monkeypatch):
    owner = (folder / "a.key").stat().st_uid
    if owner == 0:
        os.chown(folder / "a.key", 4711, -1)
        os.chown(folder, 4711, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    for check, path in ((read_closed, folder / "a.key"), (check_closed_folder, folder)):
        with pytest.raises(OutputError, match="belongs to user"):
            check(path)


def test_what_is_no_plain_file_is_refused(folder):
    (folder / "link").symlink_to(folder / "a.key")
    os.mkfifo(folder / "fifo", 0o600)
    with pytest.raises(OutputError, match="cannot read"):
        read_closed(folder / "link")
    for name in ("fifo", "."):
        with pytest.raises(OutputError, match=r"plain file|cannot read"):
            read_closed(folder / name)


def test_missing_and_long_ones_are_told(folder):
    with pytest.raises(OutputError, match="missing"):
        read_closed(folder / "b.key")
    with pytest.raises(OutputError, match=r"damaged.*may have 5 bytes"):
        read_closed(folder / "a.key", 5)
    with pytest.raises(OutputError, match="no folder with keys"):
        check_closed_folder(folder / "none")
    with pytest.raises(OutputError, match="got the file"):
        check_closed_folder(folder / "a.key")


def test_a_file_is_never_opened_twice(folder):
    with pytest.raises(FileExistsError):
        write_new(folder / "a.key", b"other")
