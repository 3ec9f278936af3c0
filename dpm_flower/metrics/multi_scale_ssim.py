"""Structural similarity at several resolutions at once: MS-SSIM, with as many of its five scales as images have room for."""

import torch
from torch import Tensor
from torch.nn import functional

from dpm_flower.core.errors import MetricError
from dpm_flower.metrics.ssim_map import CONTRAST, WINDOW, Moments, moments, ssim_maps

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, finest first; they add up to 1.0001 (Wang et al. 2003, section 3.2)


def scale_count(side: int) -> int:
    """The shorter side in pixels -> how many scales there are, at most five: the coarsest still holds SSIM's window of 11 pixels.

    Each halves the side, rounded up: 176 pixels have all five, 64 have three (64, 32, 16), 32 have two (32, 16). Raises MetricError
    for sides below the window.
    """
    if side < WINDOW:
        raise MetricError(f"MS-SSIM needs sides of at least {WINDOW} pixels, its window, got {side}")
    count = 1
    while count < len(WEIGHTS) and (side := -(-side // 2)) >= WINDOW:
        count += 1
    return count


def multi_scale_ssim(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """Images and guesses (B,C,H,W) in [0,1] -> MS-SSIM (B,) in [0,1]; 1 = identical. Differentiable.

    At each scale but the coarsest how alike the contrasts and structures are, at the coarsest SSIM, each to the power of its weight,
    multiplied, and averaged over the channels. Where there is no room for five scales, the weights of those that there are are made to
    add up to as much. What is below 0 counts as 0, as is usual: a photographic negative scores 0, so that the score alone is no proof that
    nothing can be seen. Raises ShapeError for unequal shapes, MetricError for sides below the window; values are not looked at, since
    that would make a GPU wait at every training step. Source: Wang, Simoncelli and Bovik 2003, equation 7; equal to pytorch_msssim's,
    which takes no sides of 160 pixels or less.
    """
    found = moments(images_BCHW, guesses_BCHW)
    scales = scale_count(min(images_BCHW.shape[-2:]))
    weights = [weight * sum(WEIGHTS) / sum(WEIGHTS[:scales]) for weight in WEIGHTS[:scales]]
    images, guesses = images_BCHW, guesses_BCHW
    product_BC = torch.ones((), device=found.mean_x.device)
    for weight in weights[:-1]:
        product_BC = product_BC * _power(_contrast(found), weight)
        images, guesses = _halved(images), _halved(guesses)
        found = moments(images, guesses)
    return (product_BC * _power(ssim_maps(found)[0].mean((2, 3)), weights[-1])).mean(1)


def _contrast(found: Moments) -> Tensor:
    """Moments -> how alike contrast and structure are, mean over the windows (B,C)."""
    return ((2 * found.covariance + CONTRAST) / (found.variances + CONTRAST)).mean((2, 3))


def _power(values: Tensor, weight: float) -> Tensor:
    """Values to a power below 1, those that are not above 0 as 0: their slope would be infinite, and 0 times that is no number."""
    positive = values > 0
    return torch.where(positive, torch.where(positive, values, 1.0).pow(weight), 0.0)


def _halved(values_BCHW: Tensor) -> Tensor:
    """Means of 2 x 2 pixels; a border of zeros completes odd sides, as in pytorch_msssim."""
    return functional.avg_pool2d(values_BCHW, 2, padding=[size % 2 for size in values_BCHW.shape[-2:]])
