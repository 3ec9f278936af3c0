import numpy as np
import pytest
import torch
from PIL import Image

from dpm_flower.core.errors import DataError, ShapeError
from dpm_flower.data.attributed import Attributed, attributed, celeba_attributed
from tests.data.celeba_files import written

NAMES = ("Bald", "Male", "Young")


def arrays(**changes):
    """An archive's members: five training and three test images of 12 pixels, each painted with its number."""
    members = {"attr_names": np.array(NAMES)}
    for part, count in (("train", 5), ("test", 3)):
        members[f"x_{part}"] = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1) * np.ones((1, 12, 12, 3), dtype=np.uint8)
        members[f"attr_{part}"] = (np.arange(count * 3).reshape(count, 3) % 2).astype(np.uint8)
    members |= changes
    return {name: value for name, value in members.items() if value is not None}


@pytest.fixture
def archive(tmp_path):
    def made(**changes):
        np.savez(tmp_path / "faces.npz", **arrays(**changes))
        return str(tmp_path / "faces.npz")

    return made


def test_images_attributes_and_names_come_as_they_are_in_the_archive(archive):
    sets = attributed(archive(), 12)
    assert [len(part) for part in (sets.train, sets.test)] == [5, 3]
    assert sets.train.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert sets.train.attributes.tolist() == arrays()["attr_train"].tolist()
    assert sets.test.attributes.tolist() == arrays()["attr_test"].tolist()
    assert sets.train.names == sets.test.names == NAMES
    assert (sets.test.images.dtype, sets.test.attributes.dtype) == (torch.uint8, torch.uint8)


def test_images_are_resized_and_true_and_false_are_one_and_zero(archive):
    sets = attributed(archive(attr_test=np.array([[True, False, True]] * 3)), 16)
    assert tuple(sets.train.images.shape) == (5, 3, 16, 16)
    assert sets.test.attributes.tolist() == [[1, 0, 1]] * 3


def test_some_are_taken_with_their_attributes(archive):
    part = attributed(archive(), 12).train.take(torch.tensor([4, 1]))
    assert part.images[:, 0, 0, 0].tolist() == [4, 1]
    assert part.attributes.tolist() == [arrays()["attr_train"][row].tolist() for row in (4, 1)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"attr_test": None}, "missing attr_test, got attr_names"),
        ({"attr_names": None}, "missing attr_names"),
        ({"attr_names": np.arange(3)}, r"attr_names: wanted strings \(A,\)"),
        ({"attr_names": np.array(("Male", "Male", "Young"))}, "each name once, got Male, Male, Young"),
        ({"attr_train": np.zeros((4, 3), dtype=np.uint8)}, r"attr_train: wanted whole numbers \(5,3\), .* got uint8 \(4, 3\)"),
        ({"attr_train": np.zeros((5, 3))}, r"attr_train: wanted whole numbers \(5,3\), .* got float64"),
        ({"attr_test": np.full((3, 3), -1)}, "attr_test: wanted 0 and 1, got values from -1 to -1"),
        ({"x_test": np.zeros((3, 12, 12, 2), dtype=np.uint8)}, "x_test: wanted images"),
    ],
)
def test_an_archive_of_something_else_is_refused(archive, changes, reason):
    with pytest.raises(DataError, match=reason):
        attributed(archive(**changes), 12)


def test_other_sources_options_and_sides_are_refused(archive, tmp_path):
    for data, side, reason in (
        ("digits", 12, "an .npz archive or \"celeba:FOLDER\", got 'digits'"),
        (f"{archive()}?label=Male", 12, "options that choose attributes"),
        (f"{archive()}?public=digits", 12, "or public images, got"),
        (archive(), 10, "at least 11 x 11 pixels"),
        (str(tmp_path / "none.npz"), 12, "got no such file"),
    ):
        with pytest.raises(DataError, match=reason):
            attributed(data, side)


@pytest.mark.parametrize(
    ("images", "attributes", "error"),
    [
        (torch.zeros(2, 3, 12, 13, dtype=torch.uint8), torch.zeros(2, 1, dtype=torch.uint8), ShapeError),
        (torch.zeros(2, 3, 12, 12), torch.zeros(2, 1, dtype=torch.uint8), ShapeError),
        (torch.zeros(2, 3, 12, 12, dtype=torch.uint8), torch.zeros(2, 2, dtype=torch.uint8), ShapeError),
        (torch.zeros(2, 3, 12, 12, dtype=torch.uint8), torch.full((2, 1), 2, dtype=torch.uint8), DataError),
        (torch.zeros(2, 3, 12, 12, dtype=torch.uint8), torch.zeros(2, 1, dtype=torch.int64), DataError),
    ],
)
def test_values_that_are_no_attributed_images_are_refused(images, attributes, error):
    with pytest.raises(error):
        Attributed(images, attributes, ("Male",))


def test_celeba_comes_in_its_publishers_parts_with_all_its_attributes(tmp_path):
    parts, young, smiling = [0, 2, 1, 0, 2, 1], [1, -1, 1, -1, 1, -1], [-1, -1, 1, 1, -1, -1]
    painted = [Image.new("RGB", (20, 26), (number, 0, 0)) for number in range(6)]
    sets = celeba_attributed(written(tmp_path, painted, parts, {"Young": young, "Smiling": smiling}), tmp_path, 12)
    assert sets.train.names == ("Young", "Smiling")
    for part, rows in ((sets.train, [0, 3, 2, 5]), (sets.test, [1, 4])):  # the valid part is appended to the training images
        assert part.images[:, 0, 0, 0].tolist() == rows
        assert part.attributes.tolist() == [[(young[row] + 1) // 2, (smiling[row] + 1) // 2] for row in rows]


def test_missing_files_of_celeba_say_how_to_get_them(tmp_path):
    with pytest.raises(DataError, match=f'"celeba:{tmp_path}.download"'):
        attributed(f"celeba:{tmp_path}", 12)
