"""How much of a picture's outlines a guess recovers, whatever its brightness and the sign of its contrast."""

import torch
from torch import Tensor
from torch.nn import functional

from dpm_flower.metrics.image_pair import check_image_pair
from dpm_flower.metrics.ssim_map import CONTRAST, blurred, moments
from dpm_flower.metrics.structure import ROUNDING

PIECE_IMAGES = 512  # images scored at a time, as SSIM's
STEP = 4.0  # what Sobel's weights make of a step from 0 to 1: divided by it, outlines have the unit of pixel values
FAINTEST = ROUNDING / 3  # the variance that rounding to bytes leaves in outlines: what is fainter cannot be seen in a picture


def edge_similarity(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """Images and guesses (B,C,H,W) in [0,1] -> how alike their outlines are, (B,) in [-1,1]; 1 = all recovered, about 0 = unrelated.

    In each window of SSIM, the correlation of both outline strengths (see `outlines`). It forgets brightness, sign and how faint the
    guess's outlines are, as an eye that turns up the contrast does, and it asks where they are: a blurred copy scores less. The
    mean over windows has the weight var / (var + C2) of the image's outlines, so that windows without any count for nothing: where
    gradients are compared as they are (GMSD; the gradient SSIM of Chen et al.), flat surroundings raise every guess's score.
    A flat image has no outlines, and scores 0. Raises as `similarity` in `metrics/similarity.py` does, sides below SSIM's window
    of 11 pixels included.
    Sources: SPEC.md, section 3 (Sobel) and 8; Chen, Yang and Xie, "Gradient-based structural similarity for image quality
    assessment" (ICIP 2006), for gradients in SSIM's place, of which only its structure term is taken (Wang et al. 2004, eq. 10).
    """
    check_image_pair(images_BCHW, guesses_BCHW)
    pairs = zip(torch.split(images_BCHW, PIECE_IMAGES), torch.split(guesses_BCHW, PIECE_IMAGES), strict=True)
    return torch.cat([_score(outlines(images), outlines(guesses)) for images, guesses in pairs])


def outlines(images_BCHW: Tensor) -> Tensor:
    """Images (B,C,H,W) -> how much each pixel's surroundings change (B,1,H,W), at least 0, in float32 at least; a step from 0 to 1 has 1.

    The root of the mean over channels of both squared Sobel derivatives. Channels are squared before they are added: in the luma,
    outlines between colours of one brightness are lost, and those of channels with opposite signs cancel. Border pixels are repeated.
    Source: Di Zenzo, "A note on the gradient of a multi-image" (1986), the trace of its tensor.
    """
    across, down = derivatives(images_BCHW)
    return ((across.square() + down.square()).mean(1, keepdim=True)).sqrt()


def derivatives(images_BCHW: Tensor) -> tuple[Tensor, Tensor]:
    """Images (B,C,H,W) -> both Sobel derivatives (B,C,H,W), across and down, in float32 at least; a step from 0 to 1 has 1."""
    dtype = torch.promote_types(images_BCHW.dtype, torch.float32)
    framed = functional.pad(images_BCHW.to(dtype), (1, 1, 1, 1), mode="replicate") / STEP
    rows, columns = _smooth(framed), _smooth(framed.mT).mT
    return rows[..., 2:] - rows[..., :-2], columns[..., 2:, :] - columns[..., :-2, :]


def _smooth(framed: Tensor) -> Tensor:
    """(...,H+2,W) -> Sobel's sums of three neighbouring rows, (...,H,W)."""
    return framed[..., :-2, :] + 2 * framed[..., 1:-1, :] + framed[..., 2:, :]


def _score(outlines_x: Tensor, outlines_g: Tensor) -> Tensor:
    """Outlines of images and guesses (B,1,H,W) -> the weighted mean of their windows' correlations (B,), over what the image itself has."""
    found = moments(outlines_x, outlines_g)
    variance_x = (blurred(outlines_x.square()) - found.mean_x.square()).clamp_min(0)
    variance_g = (found.variances - variance_x).clamp_min(0)
    weights = variance_x.sqrt() / (variance_x + CONTRAST)  # var / (var + C2), and a correlation's root of the variance below
    of_guess = (weights * found.covariance / (variance_g + FAINTEST).sqrt()).flatten(1).mean(1)
    of_image = (weights * variance_x / (variance_x + FAINTEST).sqrt()).flatten(1).mean(1)
    least = torch.full_like(of_image, FAINTEST / CONTRAST)  # an image of rounding only has no outlines
    return (of_guess / torch.maximum(of_image, least)).clamp(-1.0, 1.0)
