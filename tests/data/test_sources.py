import os
import shutil

import numpy as np
import pytest
from PIL import Image

from dpm_flower.core.errors import DataError
from dpm_flower.data import sources
from dpm_flower.data.sources import described, load, load_to_divide

X = np.random.default_rng(0).integers(0, 256, (4, 12, 12, 3), dtype=np.uint8)
Y = np.array([0, 1, 0, 1])


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("DPM_FLOWER_CACHE", str(tmp_path_factory.mktemp("cache")))
    sources._kept.cache_clear()
    sources._joined.cache_clear()
    yield
    sources._kept.cache_clear()
    sources._joined.cache_clear()


@pytest.fixture
def decoded(monkeypatch):
    """The sources that were listed anew, since neither the process nor the cache had them."""
    seen, real = [], sources._undecoded

    def counted(source, side):
        seen.append((source.kind, side))
        return real(source, side)

    monkeypatch.setattr(sources, "_undecoded", counted)
    return seen


def saved(path, x, **more):
    np.savez(path, x_train=x, y_train=Y, x_test=x, y_test=Y, **more)
    return str(path)


@pytest.fixture
def folder(tmp_path):
    for part in ("train", "val"):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(3):
                Image.fromarray(X[number]).save(tmp_path / part / name / f"{number}.png")
    return tmp_path


def test_every_kind_is_found(folder, tmp_path):
    assert load("digits", 11).name == "digits"
    assert load(saved(tmp_path / "a.npz", X), 12).name == "a"
    assert load(str(folder), 12).name == folder.name
    assert load(f"imagenet:{folder}", 12).name == "imagenet"
    for name in ("cifar10", "cifar100", "fashion-mnist", "celeba"):
        with pytest.raises(DataError, match=f"{name}: wanted torchvision's files"):
            load(f"{name}:{tmp_path}", 12)


def test_equal_calls_share_their_images(tmp_path, monkeypatch):
    data = load(saved(tmp_path / "a.npz", X), 12)
    monkeypatch.chdir(tmp_path)
    assert load("a.npz", 12) is data  # the same file by another path
    assert load("a.npz", 13) is not data


@pytest.mark.parametrize("name", ["", "a.npz", "a.npz?label=who"])
def test_another_process_finds_the_images_decoded(folder, decoded, name):
    saved(folder / "a.npz", X, who_train=Y, who_test=1 - Y)
    data = str(folder / name) if name else str(folder)
    first = load(data, 12)
    sources._kept.cache_clear()  # as in a new process
    again = load(data, 12)
    assert len(decoded) == 1
    assert np.array_equal(again.train.images, first.train.images)
    assert again.test.labels.tolist() == first.test.labels.tolist()
    assert {name: column.test for name, column in again.columns.items()} == {name: column.test for name, column in first.columns.items()}


def test_sides_labels_and_kinds_are_kept_apart(folder, decoded):
    saved(folder / "a.npz", X, who_train=Y, who_test=1 - Y)
    calls = [("a.npz", 12), ("a.npz", 13), ("a.npz?label=who", 12)]
    found = [load(str(folder / name), side) for name, side in calls] + [load(str(folder), 12), load(f"imagenet:{folder}", 12)]
    sources._kept.cache_clear()
    again = [load(str(folder / name), side) for name, side in calls] + [load(str(folder), 12), load(f"imagenet:{folder}", 12)]
    assert len(decoded) == 5
    for first, second in zip(found, again, strict=True):
        assert (first.name, first.side, first.test.labels.tolist()) == (second.name, second.side, second.test.labels.tolist())


def test_without_a_cache_a_process_still_decodes_once(tmp_path, decoded, monkeypatch):
    monkeypatch.setenv("DPM_FLOWER_CACHE", "off")
    path = saved(tmp_path / "a.npz", X)
    assert load(path, 12) is load(path, 12)
    assert len(decoded) == 1


def test_the_digits_lie_in_no_cache(decoded):
    load("digits", 12)
    assert not list(sources.ImageCache.of(os.environ).folder.parent.rglob("*.npy"))


def test_a_changed_file_is_read_again(tmp_path):
    path = tmp_path / "a.npz"
    first = load(saved(path, X), 12)
    saved(path, 255 - X)
    os.utime(path, ns=(1, 1))
    assert not np.array_equal(load(str(path), 12).train.images, first.train.images)


def test_a_changed_image_deep_in_a_folder_is_noticed(folder):
    first = load(str(folder), 12)
    assert load(str(folder), 12) is first
    path = folder / "train" / "dog" / "0.png"
    Image.fromarray(X[3]).save(path)
    os.utime(path, ns=(1, 1))
    assert not np.array_equal(load(str(folder), 12).train.images, first.train.images)


def test_what_was_downloaded_is_found_the_next_time(tmp_path, decoded, monkeypatch):
    """A download changes the state of the files while they are read; the cache must know them under their new one."""
    real = sources._undecoded

    def fetch(source, side):
        folder = source.path / "cifar-10-batches-py"
        folder.mkdir(exist_ok=True)
        (folder / "fetched").touch()
        return real(sources.SourceName("npz", tmp_path / "a.npz"), side)

    saved(tmp_path / "a.npz", X)
    monkeypatch.setattr(sources, "_undecoded", fetch)
    for _ in range(3):
        sources._kept.cache_clear()
        load(f"cifar10:{tmp_path}?download", 12)
    assert len(decoded) == 1


def test_a_source_that_is_gone_is_refused_though_its_images_are_kept(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "set"
    shutil.copytree(folder, elsewhere)
    load(str(elsewhere), 12)
    shutil.rmtree(elsewhere)
    with pytest.raises(DataError):
        load(str(elsewhere), 12)


def test_no_copy_of_an_image_stays_that_its_owner_deleted(folder, tmp_path):
    saved(tmp_path / "a.npz", X)
    cache = sources.ImageCache.of(os.environ).folder
    for data in (str(folder), f"imagenet:{folder}", str(tmp_path / "a.npz")):
        load(data, 12)
    load(str(folder), 13)
    assert len(list(cache.glob("*.json"))) == 4
    (folder / "train" / "dog" / "0.png").unlink()
    load(str(folder), 12)
    assert len(list(cache.glob("*.json"))) == 2  # the archive, and the folder anew
    (tmp_path / "a.npz").unlink()
    sources._kept.cache_clear()
    load(str(folder), 12)
    assert len(list(cache.glob("*.json"))) == 1


def test_values_that_are_held_out_whole_make_another_data_set(tmp_path, decoded):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for number in range(6):
            Image.fromarray(X[number % 4]).save(tmp_path / name / f"{number}.png")
    lines = [f"{name}/{number}.png,{name}{number // 2}" for name in ("cat", "dog") for number in range(6)]
    (tmp_path / "columns.csv").write_text("\n".join(["file_name,owner", *lines]))
    for _ in range(2):
        sources._kept.cache_clear()
        by_image, by_owner = load(str(tmp_path), 12), load(f"{tmp_path}?apart=owner", 12)
        assert (by_image.held_out_by, by_owner.held_out_by) == ("", "owner")
        assert not {*by_owner.columns["owner"].train} & {*by_owner.columns["owner"].test}
    assert len(decoded) == 2


def test_sides_below_the_window_of_ssim_are_refused():
    with pytest.raises(DataError, match="at least 11 x 11 pixels, the window of SSIM, got a side of 10"):
        load("digits", 10)


def test_a_missing_archive_is_refused_as_such(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        load(str(tmp_path / "none.npz"), 12)


def test_one_class_is_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=X, y_train=0 * Y, x_test=X, y_test=0 * Y)
    with pytest.raises(DataError, match="at least 2 classes, got 1"):
        load(str(tmp_path / "a.npz"), 12)


def test_attributes_make_another_data_set_of_the_same_images(folder, decoded):
    saved(folder / "a.npz", X, who_train=Y, who_test=1 - Y)
    (folder / "columns.csv").write_text(
        "\n".join(["file_name,who", *(f"{path.relative_to(folder)},{int(path.stem) % 2}" for path in sorted(folder.rglob("*.png")))])
    )
    for name in ("/a.npz", ""):
        plain = load(f"{folder}{name}", 12)
        for _ in range(2):
            known = load(f"{folder}{name}?attributes=who", 12)
            assert (plain.attribute_names, known.attribute_names) == ((), ("who",))
            assert known.test.attributes.flatten().tolist() == [int(text) for text in known.columns["who"].test]
            assert np.array_equal(known.train.images, plain.train.images)
            sources._kept.cache_clear()  # as in a new process
    assert len(decoded) == 4


@pytest.mark.parametrize("kind", ["a.npz", ""])
def test_the_class_is_no_attribute(folder, kind):
    saved(folder / "a.npz", X, who_train=Y, who_test=1 - Y)
    (folder / "columns.csv").write_text(
        "\n".join(["file_name,who", *(f"{path.relative_to(folder)},{int(path.stem) % 2}" for path in sorted(folder.rglob("*.png")))])
    )
    with pytest.raises(DataError, match="beside the class, which is released, got who"):
        load(f"{folder}/{kind}?label=who&attributes=who", 12)


def test_public_images_of_another_source_are_for_who_divides(tmp_path):
    own, other = saved(tmp_path / "own.npz", X), saved(tmp_path / "other.npz", 255 - X)
    data = f"{own}?public={other}"
    found = load_to_divide(data, 12)
    assert found is load_to_divide(data, 12)
    assert (found.class_names, found.public_classes) == (("0", "1", "other: 0", "other: 1"), (2, 3))
    assert found.train.labels.tolist() == [0, 1, 0, 1, 2, 3, 2, 3]
    assert load_to_divide(own, 12).public_classes == ()
    saved(tmp_path / "other.npz", X // 2)
    assert not (load_to_divide(data, 12).train.images == found.train.images).all()
    for alone in (lambda: load(data, 12), lambda: described(data)):
        with pytest.raises(DataError, match="wanted a source without public images of another one"):
            alone()
