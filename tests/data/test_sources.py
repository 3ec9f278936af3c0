import os

import numpy as np
import pytest
from PIL import Image

from dpm_flower.core.errors import DataError
from dpm_flower.data import sources
from dpm_flower.data.sources import load

X = np.random.default_rng(0).integers(0, 256, (4, 12, 12, 3), dtype=np.uint8)
Y = np.array([0, 1, 0, 1])


@pytest.fixture(autouse=True)
def _nothing_kept():
    sources._kept.cache_clear()
    yield
    sources._kept.cache_clear()


def saved(path, x):
    np.savez(path, x_train=x, y_train=Y, x_test=x, y_test=Y)
    return str(path)


@pytest.fixture
def folder(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(3):
            Image.fromarray(X[number]).save(tmp_path / name / f"{number}.png")
    return tmp_path


def test_every_kind_is_found(folder, tmp_path):
    assert load("digits", 11).name == "digits"
    assert load(saved(tmp_path / "a.npz", X), 12).name == "a"
    assert load(str(folder), 12).class_names == ("cat", "dog")
    with pytest.raises(DataError, match="cifar10: wanted torchvision's files"):
        load(f"cifar10:{tmp_path}", 12)


def test_equal_calls_share_their_images(tmp_path, monkeypatch):
    data = load(saved(tmp_path / "a.npz", X), 12)
    monkeypatch.chdir(tmp_path)
    assert load("a.npz", 12) is data  # the same file by another path
    assert load("a.npz", 13) is not data


def test_a_changed_file_is_read_again(tmp_path):
    path = tmp_path / "a.npz"
    first = load(saved(path, X), 12)
    saved(path, 255 - X)
    os.utime(path, ns=(1, 1))
    assert not np.array_equal(load(str(path), 12).train.images, first.train.images)


def test_a_changed_image_deep_in_a_folder_is_noticed(folder):
    first = load(str(folder), 12)
    assert load(str(folder), 12) is first
    path = folder / "dog" / "0.png"
    Image.fromarray(X[3]).save(path)
    os.utime(path, ns=(1, 1))
    assert load(str(folder), 12) is not first


def test_sides_below_the_window_of_ssim_are_refused():
    with pytest.raises(DataError, match="at least 11 x 11 pixels, the window of SSIM, got a side of 10"):
        load("digits", 10)


@pytest.mark.parametrize("data", ["", "digit", "no/such/folder", "mnist:/tmp"])
def test_the_unknown_is_told_what_is_known(data):
    with pytest.raises(DataError, match=r'wanted "digits", .*npz.*folder.*cifar10, cifar100, fashion-mnist'):
        load(data, 12)


def test_a_set_without_its_folder_is_refused():
    with pytest.raises(DataError, match='wanted "cifar10:FOLDER"'):
        load("cifar10:", 12)


def test_a_missing_archive_is_refused_as_such(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        load(str(tmp_path / "none.npz"), 12)


def test_one_class_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=X, y_train=0 * Y, x_test=X, y_test=0 * Y)
    with pytest.raises(DataError, match="at least 2 classes, got 1"):
        load(str(tmp_path / "a.npz"), 12)
