import os

import pytest

from dpm_flower.core.errors import OutputError
from dpm_flower.data.retention import rejected
from dpm_flower.data.retention.rejected import clear, erase_file, of_age, put_aside


def files_of(inbox):
    return {str(path.relative_to(inbox)): path.read_bytes() for path in inbox.rglob("*") if path.is_file()}


def test_files_lie_below_rejected_beside_the_reason(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "a.png").write_bytes(b"image")
    (tmp_path / "cat" / "a.xml").write_bytes(b"xml")
    put_aside(tmp_path, [tmp_path / "cat" / "a.png", tmp_path / "cat" / "a.xml"], "why", 100)
    assert files_of(tmp_path) == {
        "rejected/cat/a.png": b"image",
        "rejected/cat/a.xml": b"xml",
        "rejected/cat/a.png.reason.txt": b"cat/a.png: why\n",
    }


def test_another_file_of_that_name_stays(tmp_path):
    for content in (b"first", b"second"):
        (tmp_path / "a").write_bytes(content)
        put_aside(tmp_path, [tmp_path / "a"], content.decode(), 100)
    found = files_of(tmp_path)
    assert sorted(found.values()) == [b"a: first\n", b"a: second\n", b"first", b"second"]
    assert found["rejected/a"] == b"first"


def test_what_came_long_ago_is_erased_with_its_reason(tmp_path):
    for name, came_at in (("a", 100), ("b", 200)):
        (tmp_path / name).write_bytes(b"image")
        put_aside(tmp_path, [tmp_path / name], "why", came_at)
    assert of_age(tmp_path, 99) == clear(tmp_path, 99) == 0
    assert of_age(tmp_path, 100) == of_age(tmp_path, 100) == clear(tmp_path, 100) == 2
    assert set(files_of(tmp_path)) == {"rejected/b", "rejected/b.reason.txt"}
    assert of_age(tmp_path / "none", 100) == clear(tmp_path / "none", 100) == 0


def test_a_disk_that_takes_no_reason_leaves_the_file_where_it_was(tmp_path, monkeypatch):
    def full(path, chunks):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rejected, "write_file", full)
    (tmp_path / "a").write_bytes(b"image")
    with pytest.raises(OutputError, match="No space left"):
        put_aside(tmp_path, [tmp_path / "a"], "why", 100)
    assert files_of(tmp_path) == {"a": b"image"}


def test_what_cannot_be_erased_is_told(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"image")
    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", lambda *_, **__: (_ for _ in ()).throw(PermissionError(1, "not permitted")))
        with pytest.raises(OutputError, match="cannot erase"):
            erase_file(tmp_path / "a")
    erase_file(tmp_path / "a")
    assert files_of(tmp_path) == {}


def test_what_is_gone_already_needs_no_erasing(tmp_path):
    erase_file(tmp_path / "a")
    assert files_of(tmp_path) == {}


def test_a_file_that_cannot_be_handled_is_not_named(tmp_path, monkeypatch):
    (tmp_path / "anna.png").write_bytes(b"image")
    monkeypatch.setattr(rejected, "erase", lambda name, _: (_ for _ in ()).throw(PermissionError(13, "Permission denied", name)))
    with pytest.raises(OutputError, match="Permission denied") as refusal:
        erase_file(tmp_path / "anna.png")
    assert "anna" not in str(refusal.value)
    monkeypatch.setattr(rejected, "write_file", lambda path, _: (_ for _ in ()).throw(PermissionError(13, "Permission denied", str(path))))
    with pytest.raises(OutputError, match="Permission denied") as refusal:
        put_aside(tmp_path, [tmp_path / "anna.png"], "why", 100)
    assert "anna" not in str(refusal.value)


def test_links_and_folders_go_with_what_lay_there(tmp_path):
    folder = tmp_path / "cat"
    folder.mkdir()
    (folder / "a.png").write_bytes(b"image")
    (folder / "anna").symlink_to(tmp_path, target_is_directory=True)
    put_aside(tmp_path, [folder / "a.png"], "why", 100)
    put_aside(tmp_path, [folder / "anna"], "why", 200)
    assert clear(tmp_path, 150) == 2
    assert (tmp_path / "rejected" / "cat" / "anna").is_symlink()
    assert clear(tmp_path, 2**40) == 2
    assert list((tmp_path / "rejected").iterdir()) == []
    assert tmp_path.is_dir()


def test_what_lies_beside_a_folder_that_was_emptied_goes_in_the_same_call(tmp_path):
    for name in ("cat/a", "b"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"image")
        put_aside(tmp_path, [tmp_path / name], "why", 100)
    assert of_age(tmp_path, 100) == clear(tmp_path, 100) == 4
    assert files_of(tmp_path) == {}


def test_what_is_put_aside_never_lies_behind_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "rejected").symlink_to("elsewhere")
    (tmp_path / "a").write_bytes(b"image")
    for wanted in (
        lambda: put_aside(tmp_path, [tmp_path / "a"], "why", 100),
        lambda: clear(tmp_path, 100),
        lambda: of_age(tmp_path, 100),
    ):
        with pytest.raises(OutputError, match="got a link"):
            wanted()
    assert (tmp_path / "a").read_bytes() == b"image"


def test_a_file_that_goes_by_itself_does_not_keep_the_others(tmp_path, monkeypatch):
    for name in "ab":
        (tmp_path / name).write_bytes(b"image")
        put_aside(tmp_path, [tmp_path / name], "why", 100)
    erases = rejected.erase

    def faster(name, folder):
        if name == "a":
            os.unlink(name, dir_fd=folder)
        return erases(name, folder)

    monkeypatch.setattr(rejected, "erase", faster)
    assert clear(tmp_path, 100) == 3
    assert files_of(tmp_path) == {}


def test_a_folder_that_cannot_be_looked_into_is_told_and_keeps_no_other(tmp_path, monkeypatch):
    files = [tmp_path / "rejected" / folder / "a.png" for folder in ("locked", "open")]
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_bytes(b"")
        os.utime(file, (0, 0))
    opened = os.open

    def refuse(path, *arguments, **options):
        if str(path) == "locked":
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refuse)
    for act in (of_age, clear):
        with pytest.raises(OutputError, match=r"rejected in .*: Permission denied"):
            act(tmp_path, 10.0)
    assert [file.exists() for file in files] == [True, False]
