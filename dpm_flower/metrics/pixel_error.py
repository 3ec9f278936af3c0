"""Pixelwise distance of images and guesses."""

import torch
from torch import Tensor

from dpm_flower.metrics.image_pair import check_image_pair


def l1(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """Images and guesses (B,C,H,W) in [0,1] -> mean absolute difference (B,) in [0,1]; 0 = identical.

    Raises ShapeError for unequal shapes, MetricError for values outside [0,1]. Source: SPEC.md, eq. 3 of section 1.
    """
    check_image_pair(images_BCHW, guesses_BCHW)
    return _difference(images_BCHW, guesses_BCHW).abs().mean(1)


def psnr(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """Images and guesses (B,C,H,W) in [0,1] -> peak signal-to-noise ratio (B,) in dB, -10 log10 of the mean squared difference.

    0 dB = black against white; identical images give infinity, as the definition has it. Raises as `l1` does.
    """
    check_image_pair(images_BCHW, guesses_BCHW)
    return -10.0 * torch.log10(_difference(images_BCHW, guesses_BCHW).square().mean(1))


def sign_aware_l1(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """Images and guesses (B,C,H,W) in [0,1] -> the `l1` of the guess or of its negative, whichever is nearer, (B,) in [0,0.5].

    Raises as `l1` does. Source: SPEC.md, section 1.
    """
    return torch.minimum(l1(images_BCHW, guesses_BCHW), l1(images_BCHW, 1.0 - guesses_BCHW))


def sign_aware_psnr(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """Images and guesses (B,C,H,W) in [0,1] -> the `psnr` of the guess or of its negative, whichever is nearer, (B,) in dB.

    Raises as `l1` does. Source: SPEC.md, section 1.
    """
    return torch.maximum(psnr(images_BCHW, guesses_BCHW), psnr(images_BCHW, 1.0 - guesses_BCHW))


def _difference(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """(B, pixels) in float32 at least: half precision would round small differences away."""
    dtype = torch.promote_types(torch.promote_types(images_BCHW.dtype, guesses_BCHW.dtype), torch.float32)
    return (images_BCHW.to(dtype) - guesses_BCHW.to(dtype)).flatten(1)
