"""Structural similarity of images and guesses, for the picture and for its photographic negative."""

import pytorch_msssim
import torch
from torch import Tensor

from dpm_flower.core.errors import MetricError
from dpm_flower.metrics.image_pair import check_image_pair

WINDOW = 11  # pixels: the Gaussian window of the original SSIM, sigma 1.5
PIECE_IMAGES = 512  # images scored at a time: SSIM holds about ten copies of what it compares


def ssim(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """Images and guesses (B,C,H,W) in [0,1] -> SSIM (B,) in [-1,1]; 1 = identical, below 0 = inverted structure.

    Raises ShapeError for unequal shapes; MetricError for values outside [0,1] and for sides below the window, where
    pytorch_msssim would leave out the blur and return another score. Source: Wang et al. 2004, eq. 13.
    """
    check_image_pair(images_BCHW, guesses_BCHW)
    check_window(images_BCHW)
    pairs = zip(torch.split(images_BCHW, PIECE_IMAGES), torch.split(guesses_BCHW, PIECE_IMAGES), strict=True)
    return torch.cat([_ssim(images, guesses) for images, guesses in pairs])


def sign_aware_ssim(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """Images and guesses (B,C,H,W) in [0,1] -> max(SSIM(x, g), SSIM(x, 1 - g)), (B,) in [-1,1]; 1 = recovered, or its negative.

    A photographic negative discloses the picture as well as the picture does, though its SSIM is negative.
    Raises as `ssim` does. Source: SPEC.md, section 1.
    """
    return torch.maximum(ssim(images_BCHW, guesses_BCHW), ssim(images_BCHW, 1.0 - guesses_BCHW))


def check_window(images_BCHW: Tensor) -> None:
    """Raises MetricError for images (B,C,H,W) smaller than SSIM's window."""
    if (side := min(images_BCHW.shape[-2:])) < WINDOW:
        raise MetricError(f"SSIM needs sides of at least {WINDOW} pixels, its window, got {side}")


def _ssim(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """In float32 at least: half precision loses the small differences of squares that SSIM is made of."""
    dtype = torch.promote_types(torch.promote_types(images_BCHW.dtype, guesses_BCHW.dtype), torch.float32)
    scores: Tensor = pytorch_msssim.ssim(
        images_BCHW.to(dtype), guesses_BCHW.to(dtype), data_range=1, size_average=False, win_size=WINDOW, nonnegative_ssim=False
    )
    return scores
