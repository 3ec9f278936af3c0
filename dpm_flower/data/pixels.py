"""Pixel arrays as files hold them -> images as networks read them."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from dpm_flower.core.errors import DataError

PIECE_IMAGES = 256  # images resized at a time: the intermediate floats of 256 pictures of 256 x 256 pixels are 200 MB


def images_from_pixels(pixels: NDArray[Any], side: int, where: str) -> Tensor:
    """Pixels (N,H,W,3) or grey (N,H,W), uint8 or floats in [0,1] -> images (N,3,side,side), float32 in [0,1].

    Grey becomes three equal channels. Where H or W differs from `side`, the centre square is resized by antialiased bicubic
    interpolation and clamped, since bicubic kernels overshoot. `where` names the source in messages.
    Raises DataError for other ranks, types and channel counts, for no pixels at all, and for floats outside [0,1] or NaN.
    """
    _check_pixels(pixels, where)
    whole_numbers = pixels.dtype == np.uint8
    source = torch.from_numpy(pixels if whole_numbers else pixels.astype(np.float32))
    planes_NcHW = source.unsqueeze(1) if source.ndim == 3 else source.permute(0, 3, 1, 2)
    planes_NcHW = _centre_square(planes_NcHW)
    resized = planes_NcHW.shape[-1] != side
    images = torch.empty(len(pixels), 3, side, side)
    for piece, target in zip(torch.split(planes_NcHW, PIECE_IMAGES), torch.split(images, PIECE_IMAGES), strict=True):
        target.copy_(_interpolated(piece.float(), side) if resized else piece)  # one grey plane is broadcast to three
    if whole_numbers:
        images.div_(255.0)
    return images.clamp_(0.0, 1.0) if resized else images


def _check_pixels(pixels: NDArray[Any], where: str) -> None:
    if pixels.ndim not in (3, 4) or (pixels.ndim == 4 and pixels.shape[-1] != 3):
        raise DataError(f"{where}: wanted images (N,H,W,3) or (N,H,W), got {pixels.shape}")
    if pixels.size == 0:
        raise DataError(f"{where}: wanted at least one image of at least one pixel, got {pixels.shape}")
    if pixels.dtype == np.uint8:
        return
    if not np.issubdtype(pixels.dtype, np.floating):
        raise DataError(f"{where}: wanted uint8 images or floats in [0, 1], got {pixels.dtype}")
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0.0 and high <= 1.0):  # also false for NaN
        raise DataError(f"{where}: wanted finite floats in [0, 1], got a range from {low} to {high}")


def _centre_square(planes_NcHW: Tensor) -> Tensor:
    height, width = planes_NcHW.shape[-2:]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    return planes_NcHW[..., top : top + edge, left : left + edge]


def _interpolated(planes_NcHW: Tensor, side: int) -> Tensor:
    return F.interpolate(planes_NcHW, size=(side, side), mode="bicubic", antialias=True, align_corners=False)
