"""Batch norms' statistics, taken anew: those of the inputs, by a slow reference, and nothing else is touched."""

import copy

import pytest
import torch
from torch import nn

from dpm_flower.core.errors import TrainingError
from dpm_flower.nets.batch_norms import batch_norms
from dpm_flower.training import recalibration
from dpm_flower.training.recalibration import recalibrate
from tests.training.toys import CPU, classifier, equal, pictures, state_of

IMAGES = pictures(24, seed=3).images
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def two_norms():
    """A network in training whose second norm reads what the first says, with a dropout between them that must not count."""
    one = classifier()
    return nn.Sequential(*one[:3], nn.Dropout(0.5), nn.BatchNorm2d(6, momentum=0.3), *one[3:]).train()


def test_each_norm_goes_by_the_mean_and_variance_of_what_it_is_given(monkeypatch):
    monkeypatch.setattr(recalibration, "BATCH", 8)
    network, images = two_norms(), IMAGES[:17]
    recalibrate(network, images, CPU)
    first, second = batch_norms(network).values()
    given = [network[0](batch) for batch in images.split([6, 6, 5])]  # and not 8, 8 and one
    torch.testing.assert_close(first.running_mean, torch.stack([each.mean((0, 2, 3)) for each in given]).mean(0))
    torch.testing.assert_close(first.running_var, torch.stack([each.var((0, 2, 3)) for each in given]).mean(0))
    said = [nn.functional.batch_norm(each, None, None, first.weight, first.bias, training=True).relu() for each in given]
    torch.testing.assert_close(second.running_mean, torch.stack([each.mean((0, 2, 3)) for each in said]).mean(0))


def test_weights_modes_momenta_and_the_global_stream_stay():
    network, before = two_norms(), torch.random.get_rng_state()
    network[1].eval()
    kept = copy.deepcopy(network)
    recalibrate(network, IMAGES, CPU)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert [part.training for part in network.modules()] == [part.training for part in kept.modules()]
    assert [norm.momentum for norm in batch_norms(network).values()] == [0.1, 0.3]
    weights = [{name: each for name, each in state_of(one).items() if not name.endswith(STATISTICS)} for one in (network, kept)]
    assert equal(*weights)
    assert not torch.allclose(network.eval()(IMAGES), kept.eval()(IMAGES))


def test_bytes_are_read_as_the_floats_that_they_stand_for():
    one, other = two_norms(), two_norms()
    as_bytes = (IMAGES * 255).round().to(torch.uint8)
    recalibrate(one, as_bytes, CPU)
    recalibrate(other, as_bytes / 255, CPU)
    torch.testing.assert_close(state_of(one), state_of(other))


def test_a_network_without_norms_is_not_even_asked():
    silent = nn.Flatten()
    silent.forward = lambda _: pytest.fail("was asked")
    recalibrate(silent, IMAGES, CPU)


def test_one_input_has_no_variance():
    with pytest.raises(TrainingError, match=r"at least 2 inputs .*, got 1"):
        recalibrate(two_norms(), IMAGES[:1], CPU)


def test_a_network_that_fails_is_what_it_was():
    network = two_norms()
    network[-1].forward = lambda _: pytest.fail("too late")
    before = state_of(network)
    with pytest.raises(pytest.fail.Exception):
        recalibrate(network, IMAGES, CPU)
    assert equal(state_of(network), before)
    assert [norm.momentum for norm in batch_norms(network).values()] == [0.1, 0.3]
