import pytest
import torch
from pytorch_msssim import ms_ssim

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics.multi_scale_ssim import WEIGHTS, multi_scale_ssim, scale_count
from dpm_flower.metrics.similarity import ssim


def pairs(side, count=2, noise=0.4, seed=0):
    rng = torch.Generator().manual_seed(seed)
    images = torch.nn.functional.interpolate(torch.rand(count, 3, 8, 8, generator=rng), size=(side, side), mode="bilinear")
    return images, (images + noise * (torch.rand(images.shape, generator=rng) - 0.5)).clamp(0, 1)


@pytest.mark.parametrize("side", [161, 176])
def test_where_there_is_room_for_five_scales_it_is_the_library_s(side):
    images, guesses = pairs(side)
    torch.testing.assert_close(multi_scale_ssim(images, guesses), ms_ssim(images, guesses, data_range=1.0, size_average=False))


@pytest.mark.parametrize(("side", "scales"), [(11, 1), (20, 1), (21, 2), (32, 2), (64, 3), (128, 4), (160, 4), (161, 5), (512, 5)])
def test_the_coarsest_scale_still_holds_the_window(side, scales):
    assert scale_count(side) == scales


def test_with_one_scale_it_is_ssim():
    images, guesses = pairs(16, noise=0.2)
    torch.testing.assert_close(multi_scale_ssim(images, guesses), ssim(images, guesses), atol=1e-3, rtol=0)


def test_weights_of_fewer_scales_add_up_to_as_much():
    """A guess whose contrast and structure are off by the same factor everywhere scores about that factor, whatever the scales."""
    assert sum(WEIGHTS) == pytest.approx(1.0, abs=2e-4)
    images = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    flat = images.mean((2, 3), keepdim=True)
    scores = [
        float(multi_scale_ssim(images[..., :side, :side], (flat + 0.3 * (images - flat))[..., :side, :side])) for side in (16, 32, 64)
    ]
    assert max(scores) - min(scores) < 0.1


def test_an_image_is_like_itself_and_unlike_its_negative():
    images, _ = pairs(64)
    torch.testing.assert_close(multi_scale_ssim(images, images), torch.ones(2))
    assert multi_scale_ssim(images, 1 - images).tolist() == [0, 0]


def test_its_slope_is_finite_where_the_score_is_nothing():
    images, _ = pairs(32)
    for start in (1 - images, torch.full_like(images, 0.5)):
        guesses = start.clone().requires_grad_(True)
        multi_scale_ssim(images, guesses).sum().backward()
        assert bool(guesses.grad.isfinite().all())


def test_following_its_slope_brings_a_guess_nearer():
    images, _ = pairs(32)
    guesses = (0.5 + 0.2 * (images - 0.5)).requires_grad_(True)
    before = multi_scale_ssim(images, guesses)
    before.sum().backward()
    assert bool((multi_scale_ssim(images, guesses + 0.05 * guesses.grad / guesses.grad.abs().max()) > before).all())


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(MetricError, match="at least 11 pixels"):
        multi_scale_ssim(torch.rand(1, 3, 10, 10), torch.rand(1, 3, 10, 10))
    with pytest.raises(ShapeError, match="one shape"):
        multi_scale_ssim(torch.rand(1, 3, 16, 16), torch.rand(2, 3, 16, 16))
