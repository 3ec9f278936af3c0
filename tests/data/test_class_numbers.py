import numpy as np
import pytest
import torch

from dpm_flower.core.errors import DataError
from dpm_flower.data.class_numbers import MOST_CLASSES, check_range, class_numbers, classes_from_text


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, ">i4", np.uint64])
def test_any_whole_number_becomes_int64(dtype):
    labels = class_numbers(np.array([2, 0, 1]).astype(dtype), 3, "y")
    assert labels.dtype == torch.int64
    assert labels.tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([[0], [1]]), r"\(N,\)"),
        (np.array([0.0, 1.0]), "whole-number"),
        (np.array(["a", "b"]), "whole-number"),
        (np.array([0, 1, 1]), "each of 2 images, got 3"),
        (np.array([0, -1]), "-1 to 0"),
        (np.array([0, MOST_CLASSES]), "class numbers in"),
        (np.array([0, 2**63], np.uint64), "class numbers in"),
    ],
)
def test_other_labels_are_refused_under_their_name(labels, message):
    with pytest.raises(DataError, match=message) as refusal:
        class_numbers(labels, 2, "some file")
    assert str(refusal.value).startswith("some file: ")


def test_range_is_checked():
    check_range(torch.tensor([0, 1]), 2, "y")
    with pytest.raises(DataError, match="below the number of classes, 2, got 2"):
        check_range(torch.tensor([0, 2]), 2, "y")


@pytest.mark.parametrize(
    ("train", "test", "names"),
    [
        (("b", "a", "b"), ("c",), ("a", "b", "c")),
        (("10", "9", "10"), ("0",), ("0", "9", "10")),
        (("10", "9", "x"), ("9",), ("10", "9", "x")),
    ],
)
def test_texts_become_classes(train, test, names):
    of_train, of_test, found = classes_from_text(train, test)
    assert found == names
    assert tuple(found[number] for number in of_train.tolist()) == train
    assert tuple(found[number] for number in of_test.tolist()) == test
    assert of_train.dtype == torch.int64
