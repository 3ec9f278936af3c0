import math
from dataclasses import FrozenInstanceError

import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.secret_streams import child_stream
from dpm_flower.core.streams import stream
from dpm_flower.training import perturbation as perturbations
from dpm_flower.training.perturbation import GaussianFilter, GaussianNoise, MeanFilter, PerturbedSource, Perturber, channel_units
from dpm_flower.training.perturbation_filters import filtered, gaussian_window, mean_window

SCALES = torch.tensor([1.0, 8.0, 0.25, 0.0])  # powers of two, so that scaling rounds nothing; the last channel is dead
FEATURES = torch.rand(40, 4, 6, 6, generator=torch.Generator().manual_seed(0)) * SCALES.view(-1, 1, 1)
EACH = [GaussianNoise(sigma=0.7), GaussianFilter(sigma=1.1), MeanFilter(kernel=3)]


def perturbed(perturbation, features=FEATURES, seed=0):
    return Perturber(perturbation, channel_units(features))(features, stream(seed))


def test_a_unit_is_a_channel_s_standard_deviation_over_images_and_places():
    slow = [FEATURES[:, channel].flatten().double().numpy().std() for channel in range(4)]
    torch.testing.assert_close(channel_units(FEATURES).double(), torch.tensor(slow), rtol=1e-5, atol=1e-7)


def test_noise_is_what_its_formula_says_value_by_value():
    draws, units = torch.randn(FEATURES.shape, generator=stream(0)), channel_units(FEATURES)
    out = perturbed(GaussianNoise(sigma=0.7))
    for image, channel, row, column in [(0, 0, 0, 0), (3, 1, 2, 5), (39, 2, 5, 5)]:
        at = image, channel, row, column
        assert float(out[at]) == pytest.approx(float(FEATURES[at] + 0.7 * units[channel] * draws[at]), rel=1e-5)


def test_each_channel_has_as_much_noise_as_signal_times_sigma():
    noise = perturbed(GaussianNoise(sigma=0.7)) - FEATURES
    for channel in range(3):
        assert float(noise[:, channel].std() / FEATURES[:, channel].std()) == pytest.approx(0.7, rel=0.1)
        assert abs(float(noise[:, channel].mean() / noise[:, channel].std())) < 0.1
    assert not noise[:, 3].any()  # where there is nothing to hide


def test_noise_does_not_depend_on_how_a_network_scales_its_channels():
    scales = torch.tensor([4.0, 0.125, 2.0, 1.0]).view(-1, 1, 1)
    torch.testing.assert_close(perturbed(GaussianNoise(sigma=2.0), FEATURES * scales), perturbed(GaussianNoise(sigma=2.0)) * scales)


def test_filters_filter_and_take_nothing_from_the_stream():
    rng = stream(0)
    before = rng.get_state()
    for perturbation, window in ((GaussianFilter(sigma=1.1), gaussian_window(1.1)), (MeanFilter(kernel=5), mean_window(5))):
        assert torch.equal(Perturber(perturbation, channel_units(FEATURES))(FEATURES, rng), filtered(FEATURES, window))
    assert torch.equal(rng.get_state(), before)


@pytest.mark.parametrize("perturbation", EACH)
def test_the_stream_decides_and_the_features_stay(perturbation):
    before = FEATURES.clone()
    out = perturbed(perturbation)
    assert torch.equal(perturbed(perturbation), out)
    assert torch.equal(perturbed(perturbation, seed=1), out) == (not isinstance(perturbation, GaussianNoise))
    assert torch.equal(FEATURES, before)
    assert (out.shape, out.dtype) == (FEATURES.shape, FEATURES.dtype)


def source_of(perturber, seed=0):
    return PerturbedSource(lambda images: FEATURES[: len(images)], perturber, stream(seed))


def source(perturbation):
    return source_of(Perturber(perturbation, channel_units(FEATURES)))


@pytest.mark.parametrize("perturbation", EACH)
def test_a_source_perturbs_what_it_is_given_in_batches(perturbation, monkeypatch):
    monkeypatch.setattr(perturbations, "BATCH", 16)
    rng, images = stream(0), torch.zeros(40, 3, 12, 12)
    perturber = Perturber(perturbation, channel_units(FEATURES))
    slow = torch.cat([perturber(FEATURES[number : number + 1], child_stream(rng)) for number in range(40)])
    torch.testing.assert_close(source(perturbation)(images), slow, rtol=0, atol=0 if isinstance(perturbation, GaussianNoise) else 1e-6)


def test_who_knows_the_noise_of_one_image_does_not_know_the_generator_of_the_next():
    """Each image's stream begins anew: going on with one image's generator does not give another image's noise."""
    perturber, rng = Perturber(GaussianNoise(sigma=1.0), torch.ones(FEATURES.shape[1])), stream(0)
    noise = source_of(perturber)(torch.zeros(3, 3, 12, 12)) - FEATURES[:3]
    known = child_stream(rng)
    torch.testing.assert_close(noise[0], torch.randn(noise.shape[1:], generator=known), rtol=0, atol=1e-5)
    for _ in range(3):
        following = torch.randn(noise.shape[1:], generator=known)
        assert all(float((following - other).abs().mean()) > 0.5 for other in noise)


def test_no_draw_of_noise_comes_twice():
    one, images = source(GaussianNoise(sigma=1.0)), torch.zeros(40, 3, 12, 12)
    noise = [one(images) - FEATURES for _ in range(2)]
    assert not torch.equal(*noise)
    assert float(torch.corrcoef(torch.stack([n[:, :3].flatten() for n in noise]))[0, 1]) < 0.1


@pytest.mark.parametrize(
    ("kind", "knobs", "reason"),
    [
        (GaussianNoise, {"sigma": 0.0}, "sigma must be > 0 and finite, got 0.0"),
        (GaussianNoise, {"sigma": math.nan}, "sigma must be > 0"),
        (GaussianFilter, {"sigma": -1.0}, "sigma must be > 0"),
        (GaussianFilter, {"sigma": math.inf}, "sigma must be > 0 and finite, got inf"),
        (MeanFilter, {"kernel": 1}, "kernel must be an odd number from 3, got 1"),
        (MeanFilter, {"kernel": 4}, "kernel must be an odd number from 3, got 4"),
        (MeanFilter, {"kernel": 3.5}, "kernel must be an odd number from 3, got 3.5"),
        (MeanFilter, {"kernel": -3}, "kernel must be an odd number from 3, got -3"),
    ],
)
def test_a_strength_that_cannot_work_is_refused(kind, knobs, reason):
    with pytest.raises(SettingError, match=reason):
        kind(**knobs)


def test_perturbations_are_frozen_values():
    assert MeanFilter(kernel=3) == EACH[2] != MeanFilter(kernel=5)
    with pytest.raises(FrozenInstanceError):
        EACH[0].sigma = 2.0
