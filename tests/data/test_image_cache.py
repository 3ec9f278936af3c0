import shutil
import stat
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from dpm_flower.core.errors import DataError, SettingError
from dpm_flower.data.cache_entry import Origin
from dpm_flower.data.image_cache import ImageCache
from dpm_flower.data.undecoded import Part, Undecoded

KEY, OTHER = "0" * 64, "1" * 64
HERE = Origin(__file__, "as it is")  # files that exist
X = np.random.default_rng(0).integers(0, 256, (4, 3, 11, 11), dtype=np.uint8)


class Source:
    """A data set that counts how often its images are decoded."""

    def __init__(self, broken=False):
        self.decoded, self.broken = 0, broken

    def pieces(self):
        self.decoded += 1
        yield X
        if self.broken:
            raise DataError("no image")

    def undecoded(self):
        part = Part(torch.tensor([0, 1, 1, 0]), self.pieces)
        return Undecoded("x", 11, part, part, ("a", "b"))


def cache(folder, room_bytes=10**9):
    return ImageCache(folder, room_bytes)


@pytest.mark.parametrize(
    ("environment", "folder", "room_bytes"),
    [
        ({"HOME": "/home/a"}, "/home/a/.cache/dpm-flower/images", 20 * 10**9),
        ({"HOME": "/home/a", "XDG_CACHE_HOME": "/fast"}, "/fast/dpm-flower/images", 20 * 10**9),
        ({"HOME": "/home/a", "XDG_CACHE_HOME": ""}, "/home/a/.cache/dpm-flower/images", 20 * 10**9),
        ({"XDG_CACHE_HOME": "/fast", "DPM_FLOWER_CACHE": "/mine", "DPM_FLOWER_CACHE_GB": "0.5"}, "/mine/images", 5 * 10**8),
        ({"HOME": "/home/a", "DPM_FLOWER_CACHE": ""}, None, 20 * 10**9),
        ({"HOME": "/home/a", "DPM_FLOWER_CACHE": "off"}, None, 20 * 10**9),
    ],
)
def test_the_environment_says_where(environment, folder, room_bytes):
    assert ImageCache.of(environment) == ImageCache(Path(folder) if folder else None, room_bytes)


@pytest.mark.parametrize("room", ["much", "", "-1", "inf", "nan"])
def test_room_that_is_no_number_is_refused(room):
    with pytest.raises(SettingError, match="wanted DPM_FLOWER_CACHE_GB as a"):
        ImageCache.of({"DPM_FLOWER_CACHE_GB": room})


def test_images_are_decoded_once_and_then_mapped(tmp_path):
    source, there = Source(), cache(tmp_path / "images")
    assert there.find(KEY, HERE) is None
    kept = there.keep(KEY, source.undecoded(), HERE)
    assert source.decoded == 2  # training and test images
    assert torch.equal(kept.train.images, torch.from_numpy(X))
    assert torch.equal(there.find(KEY, HERE).test.images, torch.from_numpy(X))
    assert source.decoded == 2
    assert there.find(OTHER, HERE) is None


def test_switched_off_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert torch.equal(cache(None).keep(KEY, Source().undecoded(), HERE).train.images, torch.from_numpy(X))
    assert cache(None).find(KEY, HERE) is None
    assert list(tmp_path.iterdir()) == []


def test_only_its_owner_may_enter_even_if_the_folder_was_open(tmp_path):
    (tmp_path / "images").mkdir(mode=0o755)
    cache(tmp_path / "images").keep(KEY, Source().undecoded(), HERE)
    assert stat.S_IMODE((tmp_path / "images").stat().st_mode) == 0o700


@pytest.mark.parametrize("damage", [b"", b"something else"])
def test_a_damaged_entry_is_made_again(tmp_path, damage):
    there = cache(tmp_path)
    there.keep(KEY, Source().undecoded(), HERE)
    (tmp_path / f"{KEY}-test.npy").write_bytes(damage)
    assert there.find(KEY, HERE) is None
    there.keep(KEY, Source().undecoded(), HERE)
    assert torch.equal(there.find(KEY, HERE).test.images, torch.from_numpy(X))


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    full = SimpleNamespace(free=2 * X.nbytes)
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper"):
        assert torch.equal(cache(folder).keep(KEY, Source().undecoded(), HERE).train.images, torch.from_numpy(X))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    source = Source()
    assert torch.equal(cache(tmp_path / "images").keep(KEY, source.undecoded(), HERE).train.images, torch.from_numpy(X))
    assert source.decoded == 2  # the lack of space is seen before anything is decoded
    assert list((tmp_path / "images").iterdir()) == []


def test_an_image_that_cannot_be_read_is_refused_and_nothing_is_kept(tmp_path):
    with pytest.raises(DataError, match="no image"):
        cache(tmp_path).keep(KEY, Source(broken=True).undecoded(), HERE)
    assert list(tmp_path.iterdir()) == []


def test_the_room_is_kept(tmp_path):
    there = cache(tmp_path, room_bytes=5 * X.nbytes // 2)
    first = there.keep(KEY, Source().undecoded(), HERE)
    there.keep(OTHER, Source().undecoded(), HERE)
    assert there.find(KEY, HERE) is None
    assert there.find(OTHER, HERE) is not None
    assert torch.equal(first.train.images, torch.from_numpy(X))  # what is mapped stays readable


def test_what_was_decoded_from_files_that_are_gone_is_deleted_at_the_next_use(tmp_path):
    there, ward = cache(tmp_path / "images"), tmp_path / "ward"
    ward.mkdir()
    there.keep(KEY, Source().undecoded(), Origin(str(ward), "full"))
    there.keep(OTHER, Source().undecoded(), HERE)
    assert there.find(OTHER, HERE) is not None
    assert len(list((tmp_path / "images").iterdir())) == 6
    ward.rmdir()
    assert there.find(OTHER, HERE) is not None
    assert {path.name[:64] for path in (tmp_path / "images").iterdir()} == {OTHER}


def test_what_was_decoded_from_another_state_of_the_same_files_is_deleted(tmp_path):
    there = cache(tmp_path)
    there.keep(KEY, Source().undecoded(), HERE)
    assert there.find(OTHER, Origin(HERE.path, "an image less")) is None
    assert list(tmp_path.iterdir()) == []
