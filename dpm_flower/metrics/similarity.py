"""Structural similarity of images and guesses, for the picture and for its photographic negative."""

from collections.abc import Callable

import torch
from torch import Tensor

from dpm_flower.metrics.image_pair import check_image_pair
from dpm_flower.metrics.ssim_map import ssim_map

PIECE_IMAGES = 512  # images scored at a time: SSIM holds about ten copies of what it compares


def ssim(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """Images and guesses (B,C,H,W) in [0,1] -> SSIM (B,) in [-1,1]; 1 = identical, below 0 = inverted structure.

    Raises ShapeError for unequal shapes; MetricError for values outside [0,1] and for sides below the window of 11 pixels.
    Source: Wang et al. 2004, eq. 13.
    """
    return _by_pieces(lambda images, guesses: ssim_map(images, guesses).flatten(1).mean(1), images_BCHW, guesses_BCHW)


def sign_aware_ssim(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """Images and guesses (B,C,H,W) in [0,1] -> max(SSIM(x, g), SSIM(x, 1 - g)), (B,) in [-1,1]; 1 = recovered, or its negative.

    A photographic negative discloses the picture as well as the picture does, though its SSIM is negative. The sign is taken
    once for the whole image, so that scores compare with the paper's; `windowed_ssim` is the stricter one.
    Raises as `ssim` does. Source: SPEC.md, section 1.
    """
    return torch.maximum(ssim(images_BCHW, guesses_BCHW), ssim(images_BCHW, 1.0 - guesses_BCHW))


def windowed_ssim(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """Images and guesses (B,C,H,W) in [0,1] -> mean over windows and channels of max(SSIM(x, g), SSIM(x, 1 - g)), (B,) in [-1,1].

    A guess that is the picture here and its negative there discloses both parts, and a person sees them; averaged over the
    image first, as in `sign_aware_ssim`, they cancel. Never below that score. The greater of two chance likenesses lies above 0,
    so a guess that tells nothing scores somewhat more than 0: compare with the same attacker on other images.
    Raises as `ssim` does.
    """

    def nearer(images: Tensor, guesses: Tensor) -> Tensor:
        return torch.maximum(ssim_map(images, guesses), ssim_map(images, 1.0 - guesses)).flatten(1).mean(1)

    return _by_pieces(nearer, images_BCHW, guesses_BCHW)


def _by_pieces(score: Callable[[Tensor, Tensor], Tensor], images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    check_image_pair(images_BCHW, guesses_BCHW)
    pairs = zip(torch.split(images_BCHW, PIECE_IMAGES), torch.split(guesses_BCHW, PIECE_IMAGES), strict=True)
    return torch.cat([score(images, guesses) for images, guesses in pairs])
