import pytest
import torch
from torch.nn import functional

from dpm_flower.core.errors import ShapeError
from dpm_flower.core.streams import stream
from dpm_flower.training.continual.migration import FeatureMap

RNG = stream(0, "migration")
OLDER = torch.rand(6, 5, 4, 3, generator=RNG)
OTHERS = torch.rand(4, 5, 4, 3, generator=RNG) * 10 - 3
MATRIX, OFFSETS = torch.randn(5, 5, generator=RNG), torch.randn(5, generator=RNG)


def linear(features):
    return functional.conv2d(features, MATRIX[:, :, None, None], OFFSETS)


def test_a_linear_map_is_found_and_applies_to_features_that_it_was_not_fitted_to():
    move = FeatureMap.fitted(OLDER, linear(OLDER), non_negative=False)
    torch.testing.assert_close(move(OTHERS), linear(OTHERS), rtol=1e-4, atol=1e-4)


def test_behind_a_relu_nothing_is_negative():
    move = FeatureMap.fitted(OLDER, linear(OLDER), non_negative=True)
    torch.testing.assert_close(move(OTHERS), linear(OTHERS).relu(), rtol=1e-4, atol=1e-4)


def test_it_is_the_least_squares_of_what_no_linear_map_does():
    newer = linear(OLDER).square()
    move = FeatureMap.fitted(OLDER, newer, non_negative=False)
    rows = functional.pad(OLDER.permute(0, 2, 3, 1).reshape(-1, 5), (0, 1), value=1.0)
    best = torch.linalg.lstsq(rows.double(), newer.permute(0, 2, 3, 1).reshape(-1, 5).double()).solution
    torch.testing.assert_close(torch.cat([move.weights_CC.T, move.offsets_C[None]]), best.float(), rtol=1e-3, atol=1e-3)


def test_a_channel_that_no_image_shows_stays_as_it_is():
    silent, moved = OLDER.clone(), linear(OLDER)
    silent[:, 2] = moved[:, 2] = 0
    move = FeatureMap.fitted(silent, moved, non_negative=False)
    unit = functional.one_hot(torch.tensor([2]), 5).view(1, 5, 1, 1).float()
    difference = move(OTHERS + unit) - move(OTHERS)
    torch.testing.assert_close(difference, unit.expand_as(OTHERS), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("newer", [OLDER[:5], OLDER[:, :4], OLDER[:, :, :3]])
def test_features_of_the_same_images_are_wanted(newer):
    with pytest.raises(ShapeError, match="of the same images twice"):
        FeatureMap.fitted(OLDER, newer, non_negative=False)
    with pytest.raises(ShapeError, match="of the same images twice"):
        FeatureMap.fitted(OLDER[:0], OLDER[:0], non_negative=False)
