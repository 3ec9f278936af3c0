import copy

import pytest
import torch

from dpm_flower.core.fitting import Fitting
from dpm_flower.core.streams import stream
from dpm_flower.training.losses import reconstruction_loss
from dpm_flower.training.prediction import apply
from dpm_flower.training.reconstruction import train_reconstructor
from tests.training.toys import CPU, equal, interrupting, pictures, public_nets, state_of

PUBLIC, VICTIMS = pictures(48), pictures(20, seed=1)
NETS = public_nets()
FEATURES = apply(NETS.featurizer, PUBLIC.images, CPU)
FITTING = Fitting(steps=100, learning_rate=0.05, batch_size=16, weight_decay=0.0)


def trained(**more):
    reconstructor = copy.deepcopy(NETS.reconstructor).requires_grad_(True)
    train_reconstructor(reconstructor, FEATURES, PUBLIC.images, FITTING, compute=CPU, rng=stream(0, "a"), **more)
    return reconstructor


def error(reconstructor, shift=0):
    """Mean absolute error of the guesses; with `shift`, of those for other images than theirs."""
    guesses = apply(reconstructor, apply(NETS.featurizer, VICTIMS.images, CPU), CPU)
    return float(reconstruction_loss(VICTIMS.images, guesses.roll(shift, 0)))


def test_it_learns_to_undo_the_featurizer_on_images_it_never_saw():
    reconstructor = trained()
    assert error(reconstructor) < 0.65 * error(NETS.reconstructor)
    assert error(reconstructor) < 0.9 * error(reconstructor, shift=1)


def test_an_interrupted_training_ends_with_the_same_bits(tmp_path):
    with pytest.raises(InterruptedError):
        trained(checkpoint=tmp_path / "c", report=interrupting(30))
    steps = []
    again = trained(checkpoint=tmp_path / "c", report=lambda progress: steps.append(progress.step))
    assert equal(state_of(again), state_of(trained()))
    assert min(steps) > 30


def test_features_and_images_stay_as_they_are():
    before = FEATURES.clone(), PUBLIC.images.clone()
    trained()
    assert torch.equal(FEATURES, before[0])
    assert torch.equal(PUBLIC.images, before[1])
