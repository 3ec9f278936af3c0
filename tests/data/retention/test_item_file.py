import os

import pytest

from dpm_flower.core.errors import RetentionError, SettingError
from dpm_flower.data.retention import item_file
from dpm_flower.data.retention.item_file import Digests, label_line, parse_labels, read_item, write_item

KEY, OTHER = bytes(32), bytes([1] * 32)


@pytest.fixture
def place(tmp_path):
    descriptor = os.open(tmp_path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("content", [b"", b"\n", b"\0\n\xff" * 100])
def test_content_and_labels_come_back_whatever_bytes_they_hold(place, tmp_path, content):
    labels = {"class": "a\nb ä", "boxes": [[1.5, 2, 3, 4]], "none": None}
    write_item("a", place, label_line(labels), content)
    line, found = read_item("a", place)
    assert (parse_labels(line), found) == (labels, content)
    with pytest.raises(FileExistsError):
        write_item("a", place, b"{}", b"")


def test_digests_tell_items_contents_labels_and_keys_apart():
    one = Digests.of(KEY, "a", b"content", b"labels")
    assert one == Digests.of(KEY, "a", b"content", b"labels")
    assert one.content != Digests.of(KEY, "b", b"content", b"labels").content
    assert one.content != Digests.of(KEY, "a", b"Content", b"labels").content
    assert one.content != Digests.of(OTHER, "a", b"content", b"labels").content
    assert one.labels != Digests.of(KEY, "a", b"content", b"Labels").labels
    same = Digests.of(KEY, "a", b"same", b"same")
    assert same.content != same.labels


def test_labels_that_json_cannot_say_are_refused():
    for labels in ({"a": b"bytes"}, {"a": float("nan")}, {("a",): 1}):
        with pytest.raises(SettingError, match="JSON"):
            label_line(labels)


def test_links_pipes_second_names_and_giants_are_refused(place, tmp_path, monkeypatch):
    write_item("a", place, b"{}", b"content")
    (tmp_path / "link").symlink_to("a")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="symbolic links"):
        read_item("link", place)
    with pytest.raises(RetentionError, match="regular"):
        read_item("pipe", place)
    monkeypatch.setattr(item_file, "MAX_ITEM_BYTES", 3)
    with pytest.raises(RetentionError, match="at most 3 bytes, got 10"):
        read_item("a", place)
    os.link(tmp_path / "a", tmp_path / "b")
    with pytest.raises(RetentionError, match="got one with 2"):
        read_item("a", place)
