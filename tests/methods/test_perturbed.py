from dataclasses import FrozenInstanceError, replace

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.protocols import SharingMethod, WithFigures
from dpm_flower.core.secret_streams import child_stream
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.core.streams import stream
from dpm_flower.methods.perturbed import PerturbedFeatures
from dpm_flower.training.perturbation import GaussianFilter, GaussianNoise, MeanFilter, Perturber, channel_units
from dpm_flower.training.perturbation_strength import Calibrated, settle
from tests.methods.preparations import NETS, PRIVATE, features, preparation

NOISY = PerturbedFeatures(perturbation=GaussianNoise(sigma=0.8))
METHODS = [
    NOISY,
    PerturbedFeatures(perturbation=GaussianFilter(sigma=1.2)),
    PerturbedFeatures(perturbation=MeanFilter(kernel=3)),
    PerturbedFeatures(perturbation=Calibrated("gaussian-noise", drop=0.5)),
]


def shared(method, owner="entity-a"):
    return method.prepare(preparation(owner)).share(PRIVATE.images, PRIVATE.labels)


@pytest.mark.parametrize("method", METHODS)
def test_it_shares_the_raw_features_perturbed_once(method):
    batch = shared(method)
    assert isinstance(batch, SharedFeatures)
    assert torch.equal(batch.labels, PRIVATE.labels)
    NETS.spec.check(batch.features)
    rng, raw = stream(0, "entity-a"), features(PRIVATE.images)
    chosen = settle(method.perturbation, preparation()).perturber.perturbation
    perturber = Perturber(chosen, channel_units(raw))
    torch.testing.assert_close(batch.features, torch.cat([perturber(one, child_stream(rng)) for one in raw.split(1)]))
    assert not torch.allclose(batch.features, raw)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_stream_makes_the_same_release_to_the_byte(method):
    assert shared(method).features.numpy().tobytes() == shared(method).features.numpy().tobytes()


def test_noise_is_a_secret_and_a_blur_is_none():
    same = [torch.equal(shared(method).features, shared(method, "entity-b").features) for method in METHODS[:3]]
    assert same == [False, True, True]


@pytest.mark.parametrize("method", METHODS)
def test_its_strength_and_cost_are_told(method):
    sharer = method.prepare(preparation())
    assert isinstance(sharer, WithFigures)
    assert sharer.figures == settle(method.perturbation, preparation()).figures


@pytest.mark.parametrize("other", [None, 0.5, NOISY])
def test_what_is_no_perturbation_is_refused(other):
    with pytest.raises(SettingError, match="wanted a perturbation, or Calibrated, got"):
        PerturbedFeatures(perturbation=other)


def test_it_is_a_frozen_method_whose_knobs_are_in_its_name_for_streams():
    assert isinstance(NOISY, SharingMethod)
    assert replace(NOISY) == NOISY
    assert len({repr(method) for method in METHODS}) == len(set(METHODS)) == len(METHODS)
    assert not any(" at 0x" in repr(method) for method in METHODS)
    with pytest.raises(FrozenInstanceError):
        NOISY.name = "other"  # type: ignore[misc]
