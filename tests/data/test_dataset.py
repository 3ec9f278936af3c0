import dataclasses

import pytest
import torch

from dpm_flower.core.errors import DataError, ShapeError
from dpm_flower.core.labelled import Labelled
from dpm_flower.data.dataset import Column
from tests.data.made import numbered_set, with_attributes


@pytest.fixture
def good():
    return numbered_set([3, 3], [2, 2])


def test_side_is_that_of_the_images(good):
    assert good.side == 11


@pytest.mark.parametrize("shape", [(1, 11, 11), (3, 11, 12), (3, 12, 12)])
def test_other_shapes_are_refused(good, shape):
    odd = Labelled(torch.zeros(4, *shape), torch.tensor([0, 1, 0, 1]), 2)
    with pytest.raises(ShapeError, match="test images"):
        dataclasses.replace(good, test=odd)


def test_an_empty_part_is_refused(good):
    with pytest.raises(DataError, match="at least one test image"):
        dataclasses.replace(good, test=good.test.take(torch.tensor([], dtype=torch.int64)))


def test_class_names_must_fit(good):
    with pytest.raises(DataError, match="wanted 2 class names"):
        dataclasses.replace(good, class_names=("a", "b", "c"))


def test_one_class_is_refused(good):
    single = good.train.take((good.train.labels == 1).nonzero().flatten())
    with pytest.raises(DataError, match="at least 2 classes, got 1"):
        dataclasses.replace(good, train=single)


def test_columns_need_an_entry_for_every_image(good):
    assert dataclasses.replace(good, columns={"who": Column(tuple("abcdef"), tuple("abcd"))}).columns["who"].test[3] == "d"
    with pytest.raises(DataError, match=r"wanted \(6, 4\) training and test entries of column 'who', got \(6, 3\)"):
        dataclasses.replace(good, columns={"who": Column(tuple("abcdef"), tuple("abc"))})


def test_attributes_need_a_name_each_and_both_parts(good):
    known = with_attributes(good)
    assert known.attribute_names == ("odd", "third")
    for wrong in (
        {"attribute_names": ("odd",)},
        {"attribute_names": ("odd", "odd")},
        {"attribute_names": ()},
        {"test": good.test},
        {"train": good.train},
    ):
        with pytest.raises(DataError, match="wanted different names for"):
            dataclasses.replace(known, **wrong)
