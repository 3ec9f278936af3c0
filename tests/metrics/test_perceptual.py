import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.metrics import perceptual as module
from dpm_flower.metrics.perceptual import perceptual_similarity

RNG = torch.Generator().manual_seed(0)
IMAGES, GUESSES = torch.rand(2, 7, 3, 12, 10, generator=RNG)
with global_generator_from(stream(0, "network")):
    FIRST = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU())
    SECOND = nn.Sequential(nn.Conv2d(5, 8, 3, 2), nn.ReLU())


def depths(images):
    first = FIRST(images)
    return first, SECOND(first)


def slow_score(image, guess, depths):
    """One image and one guess (3,H,W), position by position: the squared distance of unit vectors, for picture and negative."""
    found = []
    for looked_at in (guess, 1 - guess):
        by_depth = []
        for one, other in zip(depths(image[None]), depths(looked_at[None]), strict=True):
            distances = []
            for row in range(one.shape[2]):
                for column in range(one.shape[3]):
                    a, b = (features[0, :, row, column].double() for features in (one, other))
                    a, b = (vector / vector.norm() if vector.norm() > 0 else vector for vector in (a, b))
                    distances.append(float(((a - b) ** 2).sum()))
            by_depth.append(sum(distances) / len(distances))
        found.append(1 - sum(by_depth) / len(by_depth) / 2)
    return max(found)


@torch.no_grad()
def test_it_is_the_distance_of_unit_features_at_every_position_and_depth():
    guesses = 0.5 * IMAGES + 0.5 * GUESSES
    wanted = [slow_score(image, guess, depths) for image, guess in zip(IMAGES, guesses, strict=True)]
    assert perceptual_similarity(IMAGES, guesses, depths).tolist() == pytest.approx(wanted, abs=1e-5)
    wanted = [slow_score(image, 1 - guess, depths) for image, guess in zip(IMAGES, IMAGES, strict=True)]
    assert perceptual_similarity(IMAGES, 1 - IMAGES, depths).tolist() == pytest.approx(wanted, abs=1e-5)


def test_a_picture_and_its_negative_are_all_of_it():
    for guesses in (IMAGES, 1 - IMAGES):
        torch.testing.assert_close(perceptual_similarity(IMAGES, guesses, depths), torch.ones(7), rtol=0, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.floats(0, 1))
def test_it_forgets_the_sign_and_stays_within_bounds(seed, share):
    rng = torch.Generator().manual_seed(seed)
    images, guesses = torch.rand(2, 2, 3, 6, 6, generator=rng)
    guesses = share * images + (1 - share) * guesses
    signed = lambda images: [FIRST[0](images)]  # noqa: E731  # without a ReLU, features point anywhere
    for look, least in ((depths, 0.0), (signed, -1.0)):
        found = perceptual_similarity(images, guesses, look)
        torch.testing.assert_close(perceptual_similarity(images, 1 - guesses, look), found, rtol=0, atol=1e-4)
        assert bool((found >= least - 1e-5).all())
        assert bool((found <= 1 + 1e-5).all())


def test_the_more_of_the_image_the_more_alike():
    mixtures = [share * IMAGES + (1 - share) * GUESSES for share in (0, 0.3, 0.6, 0.9, 1)]
    scores = [float(perceptual_similarity(IMAGES, mixture, depths).mean()) for mixture in mixtures]
    assert scores == sorted(scores)
    assert scores[-1] > scores[0] + 0.02


def test_how_strong_features_are_does_not_matter():
    found = perceptual_similarity(IMAGES, GUESSES, lambda images: [1000 * one for one in depths(images)])
    torch.testing.assert_close(found, perceptual_similarity(IMAGES, GUESSES, depths), rtol=0, atol=1e-5)


def test_where_a_network_sees_nothing_there_is_no_direction():
    """Both blind: alike. One blind: half."""
    dark = torch.zeros(2, 3, 8, 8)
    bright = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).expand(2, 3, 8, 8)

    def lit(images):
        return [(images - 0.6).clamp_min(0)]

    grey = torch.full_like(dark, 0.5)  # its negative is as grey
    assert perceptual_similarity(grey, grey, lit).tolist() == [1, 1]
    assert perceptual_similarity(bright, grey, lit).tolist() == pytest.approx([1, 0.5])


def test_pieces_do_not_show_and_hold_no_gradient(monkeypatch):
    whole, sizes = perceptual_similarity(IMAGES, GUESSES, depths), []
    assert not whole.requires_grad

    def noting(images):
        sizes.append(len(images))
        return depths(images)

    monkeypatch.setattr(module, "PIECE_IMAGES", 3)
    torch.testing.assert_close(perceptual_similarity(IMAGES, GUESSES, noting), whole, rtol=0, atol=1e-6)
    assert max(sizes) == 3


def test_half_precision_is_compared_in_single():
    found = perceptual_similarity(IMAGES, IMAGES, lambda images: [one.half() for one in depths(images)])
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.ones(7), rtol=0, atol=1e-5)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_cannot_be_compared_is_refused(value):
    with pytest.raises(MetricError, match="finite features, got 84"):
        perceptual_similarity(IMAGES, GUESSES, lambda images: [images[:, :1].masked_fill(images[:, :1] >= 0, value)[:1, :, :, :7]])
    with pytest.raises(ShapeError, match=r"features \(B,C,h,w\), got \(7, 360\)"):
        perceptual_similarity(IMAGES, GUESSES, lambda images: [images.flatten(1)])
    with pytest.raises(MetricError, match="guesses"):
        perceptual_similarity(IMAGES, GUESSES + 1, depths)
    with pytest.raises(ShapeError, match="one shape"):
        perceptual_similarity(IMAGES, GUESSES[:3], depths)
