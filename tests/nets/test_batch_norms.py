import torch
from torch import nn

from dpm_flower.nets.batch_norms import batch_norms, norms_in_training
from tests.training.toys import classifier


def network():
    return nn.Sequential(classifier(), nn.Dropout(0.5), nn.BatchNorm1d(3), nn.BatchNorm1d(3, track_running_stats=False)).eval()


def test_those_that_keep_statistics_are_found_by_their_names():
    one = network()
    assert batch_norms(one) == {"0.1": one[0][1], "2": one[2]}
    assert batch_norms(nn.Linear(2, 2)) == {}


def test_norms_read_the_batch_or_what_they_have_kept_and_all_else_stays():
    one, images = network(), torch.rand(4, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    before = one(images)
    norms_in_training(one, training=True)
    assert [norm.training for norm in batch_norms(one).values()] == [True, True]
    assert not one[1].training
    assert not torch.equal(one(images), before)
    norms_in_training(one, training=False)
    assert not any(part.training for part in one.modules())
