"""Structural similarity of images and guesses, for the picture and for its photographic negative."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.metrics.image_pair import check_image_pair
from dpm_flower.metrics.ssim_map import moments, ssim_maps
from dpm_flower.metrics.structure import explained_structure

PIECE_IMAGES = 512  # images scored at a time: SSIM holds about ten copies of what it compares


@dataclass(frozen=True, slots=True, eq=False)
class Similarity:
    """Scores of guesses, each (B,): SSIM as it is defined, and three that see a negative as well as the picture."""

    ssim: Tensor
    sign_aware_ssim: Tensor
    windowed_ssim: Tensor
    structure: Tensor


def similarity(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Similarity:
    """Images and guesses (B,C,H,W) in [0,1] -> all four scores in one pass over the windows; each is explained below.

    Raises ShapeError for unequal shapes; MetricError for values outside [0,1] and for sides below the window of 11 pixels.
    """
    check_image_pair(images_BCHW, guesses_BCHW)
    pairs = zip(torch.split(images_BCHW, PIECE_IMAGES), torch.split(guesses_BCHW, PIECE_IMAGES), strict=True)
    scores = [_scores(images, guesses) for images, guesses in pairs]
    return Similarity(*(torch.cat(parts) for parts in zip(*scores, strict=True)))


def ssim(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """Images and guesses (B,C,H,W) in [0,1] -> SSIM (B,) in [-1,1]; 1 = identical, below 0 = inverted structure.

    Raises as `similarity` does. Source: Wang et al. 2004, eq. 13.
    """
    return similarity(images_BCHW, guesses_BCHW).ssim


def sign_aware_ssim(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """Images and guesses (B,C,H,W) in [0,1] -> max(SSIM(x, g), SSIM(x, 1 - g)), (B,) in [-1,1]; 1 = recovered, or its negative.

    A photographic negative discloses the picture as well as the picture does, though its SSIM is negative. The sign is taken
    once for the whole image, so that scores compare with the paper's; `windowed_ssim` is the stricter one.
    Raises as `similarity` does. Source: SPEC.md, section 1.
    """
    return similarity(images_BCHW, guesses_BCHW).sign_aware_ssim


def windowed_ssim(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """Images and guesses (B,C,H,W) in [0,1] -> mean over windows and channels of max(SSIM(x, g), SSIM(x, 1 - g)), (B,) in [-1,1].

    A guess that is the picture here and its negative there discloses both parts, and a person sees them; averaged over the
    image first, as in `sign_aware_ssim`, they cancel. Never below that score. The greater of two chance likenesses lies above 0,
    so a guess that tells nothing scores somewhat more than 0: compare with the same attacker on other images.
    Raises as `similarity` does.
    """
    return similarity(images_BCHW, guesses_BCHW).windowed_ssim


def structure(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """Images and guesses (B,C,H,W) in [0,1] -> share of the images' structure that the guesses explain, (B,) in [0,1].

    It does not see brightness, contrast or sign; see `metrics/structure.py`. Raises as `similarity` does.
    """
    return similarity(images_BCHW, guesses_BCHW).structure


def _scores(images: Tensor, guesses: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    found = moments(images, guesses)
    picture, negative = (values.flatten(1) for values in ssim_maps(found))
    ssim_B = picture.mean(1)
    whole_B, windowed_B = torch.maximum(ssim_B, negative.mean(1)), torch.maximum(picture, negative).mean(1)
    return ssim_B, whole_B, windowed_B, explained_structure(images, found)
