import pytest
import torch
from pytorch_msssim import ssim as library_ssim

from dpm_flower.core.errors import MetricError, ShapeError
from dpm_flower.metrics.ssim_map import moments, ssim_maps
from tests.metrics.plain_ssim import ssim_map

RNG = torch.Generator().manual_seed(0)
IMAGES = torch.rand(3, 2, 14, 13, generator=RNG)
GUESSES = 0.6 * IMAGES + 0.4 * torch.rand(IMAGES.shape, generator=RNG)


def slow_map(images, guesses):
    """By the definition, one window after the other: weighted moments about their own means, in double precision."""
    axis = torch.exp(-((torch.arange(11.0, dtype=torch.float64) - 5) ** 2) / (2 * 1.5**2))
    window = torch.outer(axis, axis) / axis.sum() ** 2
    count, channels, height, width = images.shape
    found = torch.empty(count, channels, height - 10, width - 10, dtype=torch.float64)
    for place in torch.cartesian_prod(*(torch.arange(size) for size in found.shape)).tolist():
        one, channel, top, left = place
        p, q = (batch[one, channel, top : top + 11, left : left + 11].double() for batch in (images, guesses))
        mean_p, mean_q = (window * p).sum(), (window * q).sum()
        variances = (window * (p - mean_p) ** 2).sum() + (window * (q - mean_q) ** 2).sum()
        covariance = (window * (p - mean_p) * (q - mean_q)).sum()
        light = (2 * mean_p * mean_q + 1e-4) / (mean_p**2 + mean_q**2 + 1e-4)
        found[tuple(place)] = light * (2 * covariance + 9e-4) / (variances + 9e-4)
    return found


def test_every_window_is_that_of_the_definition():
    found = ssim_map(IMAGES, GUESSES)
    assert found.shape == (3, 2, 4, 3)
    torch.testing.assert_close(found.double(), slow_map(IMAGES, GUESSES), rtol=0, atol=2e-5)
    torch.testing.assert_close(ssim_map(IMAGES.double(), GUESSES.double()), slow_map(IMAGES, GUESSES), rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 3, 11, 11), (2, 1, 32, 20), (1, 3, 40, 64)])
def test_the_mean_is_the_library_s_ssim(shape):
    images = torch.rand(shape, generator=RNG)
    for guesses in (torch.rand(shape, generator=RNG), 1 - images, (images + 0.1).clamp(0, 1), torch.zeros(shape)):
        wanted = library_ssim(images, guesses, data_range=1.0, size_average=False)
        torch.testing.assert_close(ssim_map(images, guesses).mean((1, 2, 3)), wanted, rtol=0, atol=2e-6)


def test_the_gradient_is_the_library_s():
    gradients = []
    for score in (lambda guesses: ssim_map(IMAGES, guesses), lambda guesses: library_ssim(guesses, IMAGES, 1.0, size_average=False)):
        guesses = GUESSES.clone().requires_grad_(True)
        score(guesses).mean().backward()
        gradients.append(guesses.grad)
    assert gradients[1].abs().max() > 1e-4
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-3, atol=1e-7)


def test_both_sides_have_the_gradient_of_their_differences():
    images, guesses = (batch[:1, :1, :12, :11].double().requires_grad_(True) for batch in (IMAGES, GUESSES))
    assert torch.autograd.gradcheck(ssim_map, (images, guesses))


def test_a_negative_is_negative_in_every_window_and_the_picture_one():
    torch.testing.assert_close(ssim_map(IMAGES, IMAGES), torch.ones(3, 2, 4, 3))
    assert float(ssim_map(IMAGES, 1 - IMAGES).max()) < 0


@pytest.mark.parametrize("level", [0.0, 0.6])
def test_both_maps_are_those_of_the_guess_and_of_its_negative(level):
    images, guesses = level + (1 - level) * IMAGES.double(), GUESSES.double()
    picture, negative = ssim_maps(moments(images, guesses))
    torch.testing.assert_close(picture, ssim_map(images, guesses), rtol=0, atol=1e-12)
    torch.testing.assert_close(negative, ssim_map(images, 1 - guesses), rtol=0, atol=1e-12)


def test_both_maps_have_the_gradient_of_their_differences():
    images, guesses = (batch[:1, :1, :12, :11].double().requires_grad_(True) for batch in (IMAGES, GUESSES))
    assert torch.autograd.gradcheck(lambda x, g: ssim_maps(moments(x, g)), (images, guesses), fast_mode=True)


def test_windows_see_nothing_of_the_rest():
    changed = GUESSES.clone()
    changed[..., 0] = 0  # the left column lies in the first window of each row only
    before, after = ssim_map(IMAGES, GUESSES), ssim_map(IMAGES, changed)
    assert torch.equal(before[..., 1:], after[..., 1:])
    assert not torch.isclose(before[..., 0], after[..., 0]).any()


def test_half_precision_is_computed_in_single():
    assert torch.equal(ssim_map(IMAGES.half(), GUESSES.half()), ssim_map(IMAGES.half().float(), GUESSES.half().float()))


@pytest.mark.parametrize("side", [(10, 16), (16, 10)])
def test_sides_below_the_window_are_refused(side):
    with pytest.raises(MetricError, match="at least 11 pixels, its window, got 10"):
        ssim_map(torch.zeros(1, 1, *side), torch.zeros(1, 1, *side))


@pytest.mark.parametrize("guesses", [GUESSES[:1], GUESSES[:, :1], GUESSES[..., :12], GUESSES[0]])
def test_shapes_that_differ_are_refused(guesses):
    with pytest.raises(ShapeError, match="one shape"):
        ssim_map(IMAGES, guesses)
