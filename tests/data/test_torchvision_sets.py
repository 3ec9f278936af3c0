import hashlib
import pickle  # CIFAR's own file format, which only torchvision reads
import struct

import numpy as np
import pytest
from torchvision.datasets import CIFAR10

from dpm_flower.core.errors import DataError
from dpm_flower.data.torchvision_sets import SETS, set_folder, torchvision_set

RNG = np.random.default_rng(0)


def read(root, side=28, name="fashion-mnist"):
    return torchvision_set(SETS[name], name, root, side).decoded()


def write_fashion(root, train, test, name="FashionMNIST"):
    """Images and labels in the format of MNIST: big-endian sizes, then bytes."""
    folder = root / name / "raw"
    folder.mkdir(parents=True)
    for part, (images, labels) in (("train", train), ("t10k", test)):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 0x803, *images.shape) + images.tobytes())
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 0x801, len(labels)) + labels.tobytes())


@pytest.fixture
def fashion(tmp_path):
    images = RNG.integers(0, 256, (6, 28, 28), dtype=np.uint8)
    labels = np.array([0, 9, 3, 3, 1, 2], np.uint8)
    write_fashion(tmp_path, (images, labels), (images[:4], labels[:4]))
    return tmp_path, images, labels


def small_cifar(folder, **changes):
    """A class of torchvision's for six images in CIFAR-10's format, with the digests of these files."""
    entry = {"data": RNG.integers(0, 256, (6, 3 * 32 * 32), dtype=np.uint8), "labels": [0, 1, 2, 2, 1, 0]} | changes
    digests = {}
    (folder / "small").mkdir()
    for name, content in (("batch", entry), ("meta", {"label_names": ["cat", "dog", "eel"]})):
        written = pickle.dumps(content)
        (folder / "small" / name).write_bytes(written)
        digests[name] = hashlib.md5(written).hexdigest()

    class SmallCifar(CIFAR10):
        base_folder = "small"
        train_list = test_list = [["batch", digests["batch"]]]  # noqa: RUF012 - as torchvision declares them
        meta = {"filename": "meta", "key": "label_names", "md5": digests["meta"]}  # noqa: RUF012

    return SmallCifar, entry["data"].reshape(6, 3, 32, 32)


def test_fashion_mnist_is_read(fashion):
    root, images, labels = fashion
    data = read(root)
    assert (len(data.train), len(data.test), data.name) == (6, 4, "fashion-mnist")
    assert data.class_names[9] == "Ankle boot"
    assert data.train.labels.tolist() == labels.tolist()
    assert np.array_equal(data.train.images[:, 1].numpy(), images)


def test_another_side_is_noted(fashion):
    data = read(fashion[0], 32)
    assert data.side == 32
    assert data.notes == ("images of 28 x 28 pixels were resized to 32 x 32",)


def test_labels_outside_the_classes_are_refused(tmp_path):
    images = np.zeros((2, 28, 28), np.uint8)
    write_fashion(tmp_path, (images, np.array([0, 10], np.uint8)), (images, np.array([0, 1], np.uint8)))
    with pytest.raises(DataError, match="below the number of classes, 10, got 10"):
        read(tmp_path)


def test_files_cut_short_are_refused(fashion):
    root = fashion[0]
    path = set_folder(SETS["fashion-mnist"], root) / "raw" / "train-images-idx3-ubyte"
    whole = path.read_bytes()
    for end in (0, 3, 10, 500, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(DataError, match="fashion-mnist: wanted torchvision's files"):
            read(root)


def test_tensors_of_an_old_torchvision_are_refused(fashion):
    (fashion[0] / "FashionMNIST" / "processed").mkdir()
    with pytest.raises(DataError, match="old torchvision"):
        read(fashion[0])


def test_cifars_format_is_read(tmp_path):
    kind, pixels = small_cifar(tmp_path)
    data = torchvision_set(kind, "small", tmp_path, 32).decoded()
    assert np.array_equal(data.train.images.numpy(), pixels)
    assert data.class_names == ("cat", "dog", "eel")
    assert data.test.labels.tolist() == [0, 1, 2, 2, 1, 0]


def test_an_altered_cifar_is_refused_unread(tmp_path):
    kind, _ = small_cifar(tmp_path)
    with (tmp_path / "small" / "batch").open("ab") as file:
        file.write(b"!")
    with pytest.raises(DataError, match="not found or corrupted"):
        torchvision_set(kind, "small", tmp_path, 32)


@pytest.mark.parametrize("name", sorted(SETS))
def test_missing_files_say_how_to_get_them(tmp_path, name):
    with pytest.raises(DataError, match=f'wanted torchvision.s files in {tmp_path}.*"{name}:{tmp_path}.download"'):
        read(tmp_path, 32, name)


def test_missing_files_are_downloaded_when_asked_for_and_only_then(tmp_path):
    class Fetched(SETS["fashion-mnist"]):
        def download(self):
            images = RNG.integers(0, 256, (4, 28, 28), dtype=np.uint8)
            labels = np.array([0, 9, 3, 3], np.uint8)
            if not self._check_exists():
                write_fashion(tmp_path, (images, labels), (images, labels), name="Fetched")

    with pytest.raises(DataError):
        torchvision_set(Fetched, "fashion-mnist", tmp_path, 28)
    assert len(torchvision_set(Fetched, "fashion-mnist", tmp_path, 28, download=True).decoded().train) == 4


def test_a_network_that_lets_nothing_through_is_told_as_such(tmp_path):
    class Unreachable(SETS["fashion-mnist"]):
        def download(self):
            raise OSError("Network is unreachable")

    with pytest.raises(DataError, match=r"downloaded where missing; got OSError: Network is unreachable\. Else copy them there"):
        torchvision_set(Unreachable, "fashion-mnist", tmp_path, 28, download=True)


@pytest.mark.parametrize(("name", "folder"), [("cifar10", "cifar-10-batches-py"), ("fashion-mnist", "FashionMNIST")])
def test_the_folder_of_a_set(tmp_path, name, folder):
    assert set_folder(SETS[name], tmp_path) == tmp_path / folder
