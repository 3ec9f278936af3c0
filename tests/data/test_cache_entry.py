import os

import numpy as np
import pytest
import torch

from dpm_flower.core.errors import DataError, OutputError
from dpm_flower.data.cache_entry import Origin, image_bytes, read_entry, read_origin, write_entry
from dpm_flower.data.dataset import Column
from dpm_flower.data.undecoded import Part, Undecoded

KEY, ORIGIN = "0" * 64, Origin("/data/pets", "state")
X = np.random.default_rng(0).integers(0, 256, (6, 3, 11, 11), dtype=np.uint8)


def part(images, labels):
    return Part(torch.tensor(labels), lambda: iter(np.array_split(images, 2)))


UNDECODED = Undecoded(
    name="pets",
    side=11,
    train=part(X[:4], [0, 1, 1, 0]),
    test=part(X[4:], [1, 0]),
    class_names=("cat", "döner"),
    notes=("a note",),
    columns={"who": Column(tuple("abca"), tuple("xy"))},
    held_out_by="who",
)


@pytest.fixture
def folder(tmp_path):
    write_entry(tmp_path, KEY, UNDECODED, ORIGIN)
    return tmp_path


def same(data):
    expected = UNDECODED.decoded()
    assert (data.name, data.class_names, data.notes) == (expected.name, expected.class_names, expected.notes)
    assert data.held_out_by == "who"
    assert data.columns["who"].train == tuple("abca")
    assert data.columns["who"].test == tuple("xy")
    for ours, theirs in ((data.train, expected.train), (data.test, expected.test)):
        assert torch.equal(ours.images, theirs.images)
        assert torch.equal(ours.labels, theirs.labels)
    return True


def test_what_was_written_is_read(folder):
    assert same(read_entry(folder, KEY))
    assert read_entry(folder, "1" * 64) is None


def test_the_arrays_are_numpys_own(folder):
    assert np.array_equal(np.load(folder / f"{KEY}-train.npy", allow_pickle=False), X[:4])
    assert image_bytes(UNDECODED) == X.nbytes


def test_whoever_writes_to_its_images_changes_nobody_elses(folder):
    mine, yours = read_entry(folder, KEY), read_entry(folder, KEY)
    mine.train.images.zero_()
    assert same(yours)
    assert same(read_entry(folder, KEY))


@pytest.mark.parametrize("name", [f"{KEY}-train.npy", f"{KEY}-test.npy", f"{KEY}.json"])
def test_a_damaged_entry_is_none_wherever_the_damage_is(folder, name):
    path = folder / name
    whole = path.read_bytes()
    for at in range(0, len(whole), 61):
        damaged = bytearray(whole)
        damaged[at] ^= 4
        path.write_bytes(damaged)
        assert read_entry(folder, KEY) is None, f"byte {at}"
    for content in (b"", whole[:-1], whole + b"!", whole[: len(whole) // 2], b"\x93NUMPY"):
        path.write_bytes(content)
        assert read_entry(folder, KEY) is None
    path.unlink()
    assert read_entry(folder, KEY) is None
    path.write_bytes(whole)
    assert same(read_entry(folder, KEY))


def test_images_of_another_entry_are_noticed(folder):
    other = "1" * 64
    write_entry(folder, other, Undecoded("pets", 11, part(X[1:5], [0, 1, 1, 0]), UNDECODED.test, ("a", "b")), ORIGIN)
    (folder / f"{other}-train.npy").replace(folder / f"{KEY}-train.npy")
    assert read_entry(folder, KEY) is None


def test_an_image_that_cannot_be_read_leaves_nothing(tmp_path):
    def broken():
        yield X[:2]
        raise DataError("no image")

    with pytest.raises(DataError, match="no image"):
        write_entry(tmp_path, KEY, Undecoded("x", 11, Part(torch.tensor([0, 1, 1, 0]), broken), UNDECODED.test, ("a", "b")), ORIGIN)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        write_entry(tmp_path / "file", KEY, UNDECODED, ORIGIN)


def test_an_entry_tells_where_it_comes_from(folder):
    assert read_origin(folder, KEY) == ORIGIN
    assert read_origin(folder, "1" * 64) is None
    index = folder / f"{KEY}.json"
    head, origin, _ = index.read_bytes().split(b"\n")
    for content in (b"", head, head + b"\n", b"other\n" + origin, head + b"\n[]", head + b"\n{}", head + b'\n{"path": 1'):
        index.write_bytes(content)
        assert read_origin(folder, KEY) is None


def test_a_cache_that_may_only_be_read_is_as_good(folder, monkeypatch):
    def refused(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refused)
    assert same(read_entry(folder, KEY))


def test_attributes_are_read_as_they_were_written_and_where_there_are_none_nothing_is(folder):
    assert b"attribute" not in (folder / f"{KEY}.json").read_bytes()
    write_entry(folder, "1" * 64, UNDECODED.with_attributes(["who"]), ORIGIN)
    found, expected = read_entry(folder, "1" * 64), UNDECODED.with_attributes(["who"]).decoded()
    assert found.attribute_names == expected.attribute_names == ("who=a", "who=b", "who=c", "who=x", "who=y")
    for part in ("train", "test"):
        assert torch.equal(getattr(found, part).attributes, getattr(expected, part).attributes)
        assert getattr(found, part).attributes.dtype == torch.uint8
    assert read_entry(folder, KEY).train.attributes is None
