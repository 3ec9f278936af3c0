import io
import os
import time

import pytest
from PIL import Image

from dpm_flower.core.errors import OutputError, RetentionError
from dpm_flower.data.retention import inbox as module
from dpm_flower.data.retention import rejected
from dpm_flower.data.retention.inbox import take_in
from dpm_flower.data.retention.store import RetentionStore
from tests.data.retention.fakes import DAY
from tests.data.test_picture_files import OTHER_FORMATS
from tests.data.test_voc_xml import SIZE, annotation, box

CLASSES = ("cat", "dog")


def png(grey=0, size=SIZE):
    buffer = io.BytesIO()
    Image.new("L", size, grey).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def clock(clock):
    clock.wall_s = time.time() + 10  # files come when they come
    return clock


@pytest.fixture
def inbox(quick):
    for name in ("cat", "dog"):
        (quick / "inbox" / name).mkdir(parents=True)
    return quick / "inbox"


def left(inbox):
    return sorted(str(path.relative_to(inbox)) for path in inbox.rglob("*") if not path.is_dir())


def test_a_days_images_go_into_the_store_with_their_labels_and_leave_the_inbox(inbox, store):
    (inbox / "cat" / "a.png").write_bytes(png(1))
    (inbox / "dog" / "deeper").mkdir()
    (inbox / "dog" / "deeper" / "b.PNG").write_bytes(png(2))
    (inbox / "dog" / "deeper" / "b.xml").write_bytes(annotation())
    (inbox / "c.png").write_bytes(png(3))
    (inbox / "c.XML").write_bytes(annotation(box("dog", (1, 2, 3, 4)), box()))
    (inbox / ".part.png").write_bytes(png()[:9])
    before = int((inbox / "c.png").stat().st_ctime)
    done = take_in(inbox, store, CLASSES)
    assert sorted(done.taken) == ["c.png", "cat/a.png", "dog/deeper/b.PNG"]
    assert (done.rejected, done.over, done.cleared) == ({}, [], 0)
    found = {name: store.read(item) for name, item in done.taken.items()}
    assert [found[name].content for name in sorted(found)] == [png(3), png(1), png(2)]
    assert found["cat/a.png"].labels == {"class": "cat", "size": [20, 10]}
    assert found["dog/deeper/b.PNG"].labels == {"class": "dog", "size": [20, 10], "boxes": []}
    assert found["c.png"].labels == {"size": [20, 10], "boxes": [["dog", 1, 2, 3, 4], ["cat", 1, 2, 20, 10]]}
    assert found["c.png"].arrived_at in (before, before - 1)
    assert left(inbox) == [".part.png"]
    assert take_in(inbox, store, CLASSES).taken == {}


WRONG = {
    "outside": ({"a.png": png(), "a.xml": annotation(box(corners=(1, 2, 21, 10)))}, "within 20 x 10 pixels"),
    "no area": ({"a.png": png(), "a.xml": annotation(box(corners=(1, 2, 1, 10)))}, "with an area"),
    "class of a box": ({"a.png": png(), "a.xml": annotation(box("cow"))}, "got a box of 'cow'"),
    "class of an image": ({"cow/a.png": png()}, "one of the classes cat, dog, got 'cow'"),
    "no image": ({"a.xml": annotation(box())}, "one image beside the annotation, got none"),
    "two images": ({"a.jpg": png(), "a.png": png(), "a.xml": annotation(box())}, "one image beside the annotation, got 2"),
    "no labels": ({"a.png": png()}, "an annotation beside the image, or the image in the folder"),
    "no picture": ({"cat/a.png": png()[:40]}, "a readable image"),
    "a texture": ({"cat/a.png": OTHER_FORMATS["dds"]}, "a readable image"),
    "PostScript": ({"cat/a.png": OTHER_FORMATS["eps"]}, "a readable image"),
    "another file": ({"cat/a.pdf": b"%PDF"}, "wanted an image"),
    "another size": ({"a.png": png(), "a.xml": annotation(size=(10, 20))}, "those of one of 10 x 20"),
    "no annotation": ({"a.png": png(), "a.xml": b"<a>"}, "in XML"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_used_is_put_aside_by_name_and_the_rest_goes_into_the_store(inbox, store, case):
    files, error = WRONG[case]
    for name, content in files.items():
        (inbox / name).parent.mkdir(exist_ok=True)
        (inbox / name).write_bytes(content)
    (inbox / "dog" / "right.png").write_bytes(png())
    done = take_in(inbox, store, CLASSES)
    assert list(done.taken) == ["dog/right.png"]
    (name,) = done.rejected
    assert name in files
    assert error in done.rejected[name]
    aside = {f"rejected/{file}" for file in files}
    assert set(left(inbox)) == aside | {f"rejected/{name}.reason.txt"}
    assert error in (inbox / "rejected" / f"{name}.reason.txt").read_text()
    assert all((inbox / "rejected" / file).read_bytes() == content for file, content in files.items())
    assert len(store.items()) == 1


def test_links_are_put_aside_and_not_followed(inbox, store, quick):
    (quick / "secret.png").write_bytes(png())
    (quick / "others").mkdir()
    (quick / "others" / "b.png").write_bytes(png())
    (inbox / "cat" / "a.png").symlink_to(quick / "secret.png")
    (inbox / "cat" / "folder").symlink_to(quick / "others")
    os.link(quick / "secret.png", inbox / "dog" / "c.png")
    done = take_in(inbox, store, CLASSES)
    assert sorted(done.rejected) == ["cat/a.png", "cat/folder", "dog/c.png"]
    assert store.items() == ()
    assert (quick / "secret.png").read_bytes() == (quick / "others" / "b.png").read_bytes() == png()


def test_what_lay_there_for_too_long_is_erased_and_not_taken_in(inbox, store, clock):
    (inbox / "cat" / "a.png").write_bytes(png())
    clock.advance(DAY)
    done = take_in(inbox, store, CLASSES)
    assert (done.over, done.taken, left(inbox)) == (["cat/a.png"], {}, [])


def test_what_was_put_aside_goes_when_its_time_is_over(inbox, store, clock):
    (inbox / "cat" / "a.png").write_bytes(b"no image")
    take_in(inbox, store, CLASSES)
    clock.advance(DAY - 60)
    assert take_in(inbox, store, CLASSES).cleared == 0
    clock.advance(60)
    assert take_in(inbox, store, CLASSES).cleared == 2
    assert left(inbox) == []


def test_what_a_full_disk_does_not_take_stays_and_goes_on_when_there_is_room(inbox, store, monkeypatch):
    for number in range(3):
        (inbox / "cat" / f"{number}.png").write_bytes(png(number))
    add, times = RetentionStore.add, []

    def full(*arguments):
        times.append(1)
        if len(times) == 2:
            raise OutputError("No space left on device")
        return add(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(RetentionStore, "add", full)
        with pytest.raises(OutputError, match="No space left"):
            take_in(inbox, store, CLASSES)
    assert left(inbox) == ["cat/1.png"]  # and what came after it is in the store
    assert list(take_in(inbox, store, CLASSES).taken) == ["cat/1.png"]
    assert sorted(store.read(held.id).content for held in store.items()) == sorted(png(number) for number in range(3))


def test_a_full_disk_puts_nothing_aside_without_its_reason(inbox, store, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    (inbox / "cat" / "a.png").write_bytes(b"no image")
    monkeypatch.setattr(rejected, "write_file", full)
    with pytest.raises(OutputError, match="No space left"):
        take_in(inbox, store, CLASSES)
    assert left(inbox) == ["cat/a.png"]


def test_killed_before_it_is_erased_an_image_is_taken_in_again_and_never_lost(inbox, store, monkeypatch):
    class Killed(BaseException):
        pass

    def killed(_):
        raise Killed

    (inbox / "cat" / "a.png").write_bytes(png())
    with monkeypatch.context() as patched:
        patched.setattr(module, "erase_file", killed)
        with pytest.raises(Killed):
            take_in(inbox, store, CLASSES)
    take_in(inbox, store, CLASSES)
    assert [store.read(held.id).content for held in store.items()] == [png(), png()]


def test_a_store_that_cannot_tell_the_time_takes_nothing_and_rejects_nothing(inbox, store, clock):
    (inbox / "cat" / "a.png").write_bytes(png())
    store.purge()
    clock.set_back(3600)
    clock.reboot()
    with pytest.raises(RetentionError, match="nobody knows"):
        take_in(inbox, store, CLASSES)
    assert left(inbox) == ["cat/a.png"]


def test_an_inbox_that_is_not_there_is_refused(store, quick):
    with pytest.raises(OutputError, match="cannot read the inbox"):
        take_in(quick / "none", store, CLASSES)


def test_a_store_that_fails_on_the_way_ends_it_and_nothing_is_rejected_for_that(inbox, store, monkeypatch):
    def failing(*_):
        raise RetentionError("the ledger is damaged")

    (inbox / "cat" / "a.png").write_bytes(png())
    monkeypatch.setattr(RetentionStore, "add", failing)
    with pytest.raises(RetentionError, match="damaged"):
        take_in(inbox, store, CLASSES)
    assert left(inbox) == ["cat/a.png"]


def test_what_cannot_be_used_yet_waits_for_a_while(inbox, store, clock):
    (inbox / "a.png").write_bytes(png())
    (inbox / "b.xml").write_bytes(annotation(box()))
    (inbox / "cat" / "half.png").write_bytes(png()[:40])
    (inbox / "dog" / "whole.png").write_bytes(png())
    clock.wall_s = max(path.stat().st_ctime for path in inbox.rglob("*.*")) + 30
    done = take_in(inbox, store, CLASSES, grace_s=60)
    assert (sorted(done.waiting), done.rejected, list(done.taken)) == (["a.png", "b.xml", "cat/half.png"], {}, ["dog/whole.png"])
    (inbox / "a.xml").write_bytes(annotation())
    (inbox / "cat" / "half.png").write_bytes(png())
    done = take_in(inbox, store, CLASSES, grace_s=60)
    assert (done.waiting, done.rejected, sorted(done.taken)) == (["b.xml"], {}, ["a.png", "cat/half.png"])
    clock.advance(60)
    assert list(take_in(inbox, store, CLASSES, grace_s=60).rejected) == ["b.xml"]


def test_what_became_of_a_file_is_noted_before_the_file_goes(inbox, store, clock):
    noted = []

    def note(what, name, came_at, detail):
        assert (inbox / name).exists()
        assert abs(came_at - (inbox / name).stat().st_ctime) <= 1
        noted.append((what, name, detail))

    (inbox / "cat" / "a.png").write_bytes(png(1))
    (inbox / "dog" / "b.png").write_bytes(b"no image")
    done = take_in(inbox, store, CLASSES, note=note)
    assert noted[0] == ("taken", "cat/a.png", done.taken["cat/a.png"])
    assert noted[1] == ("rejected", "dog/b.png", done.rejected["dog/b.png"])
    (inbox / "cat" / "c.png").write_bytes(png())
    clock.advance(DAY)
    take_in(inbox, store, CLASSES, note=note)
    assert noted[2:] == [("over", "cat/c.png", "")]


def test_a_disk_that_takes_no_note_leaves_the_file_where_it_is(inbox, store):
    def full(*_):
        raise OutputError("No space left on device")

    for content in (png(), b"no image"):
        (inbox / "cat" / "a.png").write_bytes(content)
        with pytest.raises(OutputError, match="No space left"):
            take_in(inbox, store, CLASSES, note=full)
        assert left(inbox) == ["cat/a.png"]


def test_what_was_put_aside_can_be_cleared_without_looking_into_the_inbox(inbox, store, clock):
    (inbox / "cat" / "a.png").write_bytes(b"no image")
    take_in(inbox, store, CLASSES)
    (inbox / "cat" / "b.png").write_bytes(png())
    assert module.clear_left(inbox, store) == 0
    clock.advance(DAY)
    assert module.clear_left(inbox, store) == 2
    assert left(inbox) == ["cat/b.png"]


def full(*_, **__):
    raise OutputError("No space left on device")


def test_on_a_full_disk_what_is_over_goes_all_the_same(inbox, store, clock, monkeypatch):
    (inbox / "cat" / "a.png").write_bytes(png())
    (inbox / "cat" / "b.png").write_bytes(b"no image")
    (inbox / "dog" / "c.png").write_bytes(png())
    (inbox / "dog" / "c.xml").write_bytes(annotation())
    (inbox / "dog" / ".d.png").write_bytes(png()[:40])
    for name in ("put_aside", "clear"):
        monkeypatch.setattr(module, name, full)
    monkeypatch.setattr(RetentionStore, "_put", full)
    with pytest.raises(OutputError, match="No space left"):
        take_in(inbox, store, CLASSES, note=full)
    assert len(left(inbox)) == 5
    clock.advance(DAY)
    with pytest.raises(OutputError, match="No space left"):
        take_in(inbox, store, CLASSES, note=full)
    assert left(inbox) == []


def test_what_cannot_be_looked_at_or_erased_stops_nothing_that_comes_after_it(inbox, store, monkeypatch):
    came_at, erase_file = module.came_at, module.erase_file

    def closed(path):
        if path.name == "a.png":
            raise PermissionError(13, "Permission denied", str(path))
        return came_at(path)

    def failing(path):
        if path.name == "b.png":
            raise OutputError("cannot erase a file of the inbox")
        erase_file(path)

    for name in ("a.png", "b.png", "c.png"):
        (inbox / "cat" / name).write_bytes(png())
    with monkeypatch.context() as patched:
        patched.setattr(module, "came_at", closed)
        patched.setattr(module, "erase_file", failing)
        with pytest.raises(OutputError, match=r"cannot look at a file of the inbox .*: Permission denied") as refusal:
            take_in(inbox, store, CLASSES)
    assert "a.png" not in str(refusal.value)
    assert left(inbox) == ["cat/a.png", "cat/b.png"]
    assert len(store.items()) == 2  # b.png comes again
    take_in(inbox, store, CLASSES)
    assert (left(inbox), len(store.items())) == ([], 4)


def test_what_cannot_be_used_and_is_over_is_erased_and_not_put_aside(inbox, store, clock):
    (inbox / "cat" / "a.png").write_bytes(b"no image")
    clock.advance(DAY)
    done = take_in(inbox, store, CLASSES, grace_s=60)
    assert (done.over, done.rejected, left(inbox)) == (["cat/a.png"], {}, [])


@pytest.mark.parametrize("call", ["take_in", "clear_left"])
def test_what_is_hidden_goes_when_its_time_is_over(inbox, store, clock, quick, call):
    (inbox / "cat" / ".tmp").mkdir()
    for name in ("cat/.tmp/a.png", ".b.png"):
        (inbox / name).write_bytes(png())
    (quick / "other.png").write_bytes(png())
    (inbox / ".c.png").symlink_to(quick / "other.png")
    act = {"take_in": lambda: take_in(inbox, store, CLASSES).cleared, "clear_left": lambda: module.clear_left(inbox, store)}[call]
    clock.wall_s = min(path.lstat().st_ctime for path in inbox.rglob(".*")) + DAY - 60
    assert (act(), len(left(inbox))) == (0, 3)
    clock.advance(120)
    assert (act(), left(inbox)) == (3, [])
    assert (quick / "other.png").read_bytes() == png()
