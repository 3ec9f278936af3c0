from dataclasses import replace

import pytest
import torch

from dpm_flower.core.errors import DataError, PartitionError
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.partition import ByColumn, Dealt, Shares
from dpm_flower.data.dataset import Column, DataSet
from dpm_flower.data.division import divide
from dpm_flower.data.public_set import with_public
from tests.data.made import classes_of, known_of, number_of, numbered_images, numbered_set, with_attributes

OWN = replace(
    with_attributes(numbered_set([40, 60], [5, 5])),
    columns={"patient": Column(tuple(str(number // 2) for number in range(100)), tuple(f"other {number}" for number in range(10)))},
)
FIRST = 1000  # the number of the first image of the other set
COPIED = 100  # of the own test images, which the other set holds too
IMAGES = numbered_images(torch.tensor([*range(FIRST, FIRST + 59), COPIED]))
OTHER = DataSet(
    "things",
    Labelled(IMAGES, classes_of([20, 20, 20]), 3),
    Labelled(numbered_images(torch.tensor([FIRST + 90])), torch.tensor([0]), 3),
    ("car", "tree", "class 1"),
)
SHARES = Shares(entities=(("a", 0.5), ("b", 0.3)))


def test_public_images_are_the_other_set_s_and_the_task_s_are_the_own():
    division = divide(with_public(OWN, OTHER), SHARES, 0)
    public = number_of(division.public.images)
    assert sorted(public) == list(range(FIRST, FIRST + 59))  # all but the copy of a test image
    assert (division.public.classes, division.class_names) == (3, ("class 0", "class 1"))
    labels = {number: int(label) for number, label in zip(number_of(OTHER.train.images), OTHER.train.labels, strict=True)}
    assert division.public.labels.tolist() == [labels[number] for number in public]
    assert torch.equal(division.test.images, OWN.test.images)
    assert (division.test.classes, division.summary.repeats_of_test) == (2, 1)
    for own in division.entities.values():
        numbers = number_of(own.train.images)
        assert max(numbers) < 100
        assert own.train.labels.tolist() == OWN.train.labels[numbers].tolist()
        assert own.train.attributes is not None
        assert own.train.attributes.tolist() == known_of(torch.tensor(numbers)).tolist()
    assert division.public.attributes is not None
    assert division.public.attributes.unique().tolist() == [255]
    assert "the public images are training images of things" in division.summary.notes


def test_the_own_images_are_divided_as_ever_whatever_share_of_the_others_is_public():
    some, all_ = (divide(with_public(OWN, OTHER), replace(SHARES, public=share), 0) for share in (0.5, 1.0))
    assert (len(some.public), len(all_.public)) == (30, 59)
    assert set(some.entities) == set(all_.entities) == {"a", "b"}
    for name in "ab":
        assert torch.equal(some.entities[name].train.images, all_.entities[name].train.images)


def test_what_stays_together_does_so_beside_other_public_images():
    division = divide(with_public(OWN, OTHER), replace(SHARES, together="patient", public=0.5), 0)
    assert len(division.public) == 30  # no two of them belong together
    patients = [{number // 2 for number in number_of(own.train.images)} for own in division.entities.values()]
    assert patients[0]
    assert not patients[0] & patients[1]


def test_a_column_s_values_are_dealt_without_those_of_the_public_images():
    dealt = Dealt(names=("a", "b"), deal=ByColumn(column="patient"))
    division = divide(with_public(OWN, OTHER), dealt, 0)
    assert sum(len(own.train) + len(own.validation) for own in division.entities.values()) == 100


def test_two_kinds_of_public_images_are_refused():
    with pytest.raises(PartitionError, match=r"wanted no public classes of numbered, .* another data set, got \(1,\)"):
        divide(with_public(OWN, OTHER), replace(SHARES, public_classes=(1,)), 0)


def test_images_of_another_side_are_refused():
    large = numbered_images(torch.arange(4), side=12)
    other = replace(OTHER, train=Labelled(large, torch.tensor([0, 1, 0, 1]), 3), test=Labelled(large, torch.tensor([0, 1, 0, 1]), 3))
    with pytest.raises(DataError, match="wanted public images of 11 x 11 pixels, as those of numbered, got 12 in things"):
        with_public(OWN, other)
