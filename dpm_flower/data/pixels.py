"""Pixel arrays as files hold them -> images as data sets keep them, piece by piece."""

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from dpm_flower.core.errors import DataError
from dpm_flower.core.labelled import as_bytes, as_floats

BytesNCHW: TypeAlias = NDArray[np.uint8]  # (n,3,side,side)

PIECE_IMAGES = 256  # images resized at a time: the intermediate floats of 256 pictures of 256 x 256 pixels are 200 MB


def image_pieces(pixels: NDArray[Any], side: int, where: str) -> Iterator[BytesNCHW]:
    """Pixels (N,H,W,3) or grey (N,H,W), uint8 or floats in [0,1] -> images (n,3,side,side), uint8, in pieces that add up to N.

    Grey becomes three equal channels. Where H or W differs from `side`, the centre square is resized by antialiased bicubic
    interpolation and clamped, since bicubic kernels overshoot. Floats are rounded to the nearest of 256 levels. `where` names
    the source in messages. Raises DataError, at once, for other ranks, types and channel counts, for no pixels at all, and for
    floats outside [0,1] or NaN.
    """
    _check_pixels(pixels, where)
    return (_images(pixels[start : start + PIECE_IMAGES], side) for start in range(0, len(pixels), PIECE_IMAGES))


def _images(pixels: NDArray[Any], side: int) -> BytesNCHW:
    source = torch.from_numpy(pixels if pixels.dtype == np.uint8 else pixels.astype(np.float32))
    planes_NcHW = _centre_square(source.unsqueeze(1) if source.ndim == 3 else source.permute(0, 3, 1, 2))
    if planes_NcHW.shape[-1] != side:
        planes_NcHW = _interpolated(as_floats(planes_NcHW), side).clamp_(0.0, 1.0)
    images: BytesNCHW = as_bytes(planes_NcHW).expand(-1, 3, -1, -1).contiguous().numpy()  # one grey plane becomes three
    return images


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
