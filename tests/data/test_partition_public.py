import pytest
import torch

from dpm_flower.core.errors import PartitionError
from dpm_flower.core.partition import Shares
from dpm_flower.data.partition_public import public_and_private, public_and_private_classes
from tests.data.made import numbered_set

DATASET = numbered_set([20] * 10, [1] * 10)
LABELS = DATASET.train.labels
ORDER = torch.randperm(200, generator=torch.Generator().manual_seed(1))


def shares(**settings):
    return Shares(entities=(("a", 0.5),), **settings)


def test_so_many_classes_are_drawn_once_and_for_all():
    public, private = public_and_private_classes(DATASET, shares(public_classes=5))
    assert sorted([*public.tolist(), *private.tolist()]) == list(range(10))
    assert (len(public), public.tolist()) == (5, sorted(public.tolist()))
    assert torch.equal(public_and_private_classes(DATASET, shares(public_classes=5, public=0.5))[0], public)
    fewer = public_and_private_classes(DATASET, shares(public_classes=4))[0]
    assert set(fewer.tolist()) < set(public.tolist())


def test_classes_may_be_named():
    public, private = public_and_private_classes(DATASET, shares(public_classes=(7, 2)))
    assert (public.tolist(), private.tolist()) == ([2, 7], [0, 1, 3, 4, 5, 6, 8, 9])


@pytest.mark.parametrize(
    ("wanted", "message"),
    [((10,), r"in \[0, 10\)"), ((1, 1), "different"), (9, "got 1: 9 of 10 classes"), (12, "got 0"), (tuple(range(9)), "got 1: 9 of 10")],
)
def test_classes_that_leave_no_task_are_refused(wanted, message):
    with pytest.raises(PartitionError, match=message):
        public_and_private_classes(DATASET, shares(public_classes=wanted))


def sides(groups=None, **settings):
    partition = shares(**settings)
    return public_and_private(ORDER, LABELS, public_and_private_classes(DATASET, partition)[1], partition, groups)


@pytest.mark.parametrize(("settings", "images"), [({}, 40), ({"public": 0.5}, 100), ({"public_classes": (1, 4)}, 40)])
def test_all_images_are_on_one_side(settings, images):
    found = sides(**settings)
    assert sorted(torch.cat((found.public, found.private)).tolist()) == list(range(200))
    assert (len(found.public), len(found.unused)) == (images, 0)


def test_a_share_of_the_public_classes_is_used_with_their_mix():
    found = sides(public_classes=(1, 4), public=0.25)
    assert torch.bincount(LABELS[found.public]).tolist() == [0, 5, 0, 0, 5]
    assert len(found.unused) == 30
    assert torch.equal(found.private, sides(public_classes=(1, 4)).private)


def test_no_group_is_on_two_sides():
    of_public, places = torch.isin(LABELS, torch.tensor([1, 4])), torch.arange(200)
    groups = torch.where(of_public & (places % 2 == 0), 100 + places // 50, places // 8)
    for settings in ({}, {"public_classes": (1, 4)}):
        found = sides(groups, **settings)
        assert not torch.isin(groups[found.public], groups[found.private]).any()
        assert sorted(torch.cat((found.public, found.private, found.unused)).tolist()) == list(range(200))
    assert sorted(found.public.tolist()) == (groups >= 100).nonzero().flatten().tolist()  # the groups without private images
    assert of_public[found.unused].all()


def test_a_side_without_images_is_refused():
    with pytest.raises(PartitionError, match="at least 1 public image, got none of 200"):
        sides(public=0.001)
    with pytest.raises(PartitionError, match="at least 1 private image, got none of 200"):
        sides(public=0.999)
    with pytest.raises(PartitionError, match=r"none of 200 .*; 20 of public classes have the 'patient' of a private one"):
        sides(torch.zeros(200, dtype=torch.int64), public_classes=(1,), together="patient")


def test_all_images_are_public_only_where_others_are_left():
    with pytest.raises(PartitionError, match="wanted at least 1 private image, got none of 200"):
        sides(public=1.0)
