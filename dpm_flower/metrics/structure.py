"""How much of an image's structure a guess holds, whatever its brightness, its contrast and its sign."""

import torch
from torch import Tensor

from dpm_flower.metrics.ssim_map import CONTRAST, Moments, blurred

ROUNDING = (1 / 255) ** 2 / 12  # the variance that rounding to bytes leaves: what is fainter cannot be seen in a picture


def explained_structure(images_BCHW: Tensor, found: Moments) -> Tensor:
    """Images (B,C,H,W) in [0,1], floats, and their moments with guesses -> share of structure explained (B,) in [0,1]; 1 = all of it.

    In each window, r^2: the share of the image's variance that is left if brightness and contrast of the guess are chosen as
    well as they can be, sign included. A copy that is shifted in brightness, or faint (min-max makes all else faint beside one
    bright spot), or a negative, shows the image to whoever turns up the contrast, and SSIM calls it hidden.
    The mean over windows and channels has the weight var / (var + C2), SSIM's own measure of whether a window holds anything: a
    flat one tells nothing, and an image of nothing else scores 0. Chance explains something too: white noise about 0.02,
    smooth blobs 0.2, another image of the same kind up to 0.4, so compare with the same attacker on other images.
    Source: r^2 is the square of SSIM's structure term (Wang et al. 2004, eq. 10) without its constant in the image.
    """
    variance_x = (blurred(images_BCHW.to(found.mean_x.dtype).square()) - found.mean_x.square()).clamp_min(0)
    variance_g = (found.variances - variance_x).clamp_min(0)
    explained = found.covariance.square() / ((variance_x + CONTRAST) * (variance_g + ROUNDING))
    weights = variance_x / (variance_x + CONTRAST)
    least = torch.full_like(weights[:, 0, 0, 0], ROUNDING / CONTRAST)  # an image of rounding only has no structure to explain
    return explained.flatten(1).mean(1) / torch.maximum(weights.flatten(1).mean(1), least)
