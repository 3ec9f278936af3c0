import pytest

from dpm_flower.core.errors import DataError
from dpm_flower.data.split_folders import Splits, splits_among


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        (("train", "test"), Splits("train", "test")),
        (("Training", "Testing"), Splits("Training", "Testing")),
        (("train", "val"), Splits("train", "val")),
        (("TRAIN", "Valid"), Splits("TRAIN", "Valid")),
        (("train", "validation"), Splits("train", "validation")),
        (("train", "dev"), Splits("train", "dev")),
        (("train", "test", "valid"), Splits("train", "test", "valid")),
        (("train_set", "TestSet", "val-images"), Splits("train_set", "TestSet", "val-images")),
        (("masks", "train", "test"), Splits("train", "test")),
    ],
)
def test_parts_are_known_by_their_names(names, splits):
    assert splits_among(names, "here") == splits


@pytest.mark.parametrize(
    "names", [(), ("cat",), ("cat", "dog"), ("bus_station", "train_station"), ("attest", "trainer"), ("test_tube", "vial")]
)
def test_classes_are_no_parts(names):
    assert splits_among(names, "here") is None


@pytest.mark.parametrize(
    "names",
    [
        ("train",),
        ("test", "validation"),
        ("cat", "Testing"),
        ("control", "test"),
        ("bus", "car", "train"),
        ("train", "Train", "test"),
        ("train", "val", "valid"),
        ("train", "val", "dev", "test"),
        ("train", "test", "test_unlabelled"),
        ("train1", "train2", "test"),
        ("seg_train", "seg_test", "seg_pred"),
    ],
)
def test_what_may_be_a_part_is_neither_a_class_nor_left_unread(names):
    with pytest.raises(DataError, match=r"here: wanted FOLDER/train/CLASS/IMAGE .* got the folders \["):
        splits_among(names, "here")
