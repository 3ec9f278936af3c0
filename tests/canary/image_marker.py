"""The pattern that marks images: bytes in pixel values, and the same pattern in values of any scale, and in pictures of any size."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import avg_pool2d

from tests.canary.likeness import best_likeness
from tests.canary.unpacking import Values

# nearly black or nearly white: high contrast, and 216 bytes that nothing has by chance
_RNG = np.random.default_rng(20240607)
_DARK, _LIGHT = _RNG.integers(0, 16, (6, 12, 3)), _RNG.integers(240, 256, (6, 12, 3))
PATTERN_HWC: NDArray[np.uint8] = np.where(_RNG.random((6, 12, 3)) < 0.5, _DARK, _LIGHT).astype(np.uint8)
LIKE = 0.97  # of 72 values at least: chance comes to 0.6
LIKE_IN_PICTURE = 0.65  # mean over three channels: unsmoothed, 12 pixels on 16 come to 0.75, chance to 0.3
CANDIDATE = 0.5  # in one channel
STEP = 1.05  # from one size to the next: twelve pixels are then off by less than one third of one
MOST_SIDE = 2600  # pixels


class ImageMarker:
    """Finds the pattern: exact bytes, rows of values in either order of the channels, and pixels of decoded pictures."""

    kind = "images"

    def __init__(self) -> None:
        chw = np.ascontiguousarray(PATTERN_HWC.transpose(2, 0, 1))
        self.needles = [("pixels, CHW", plane.tobytes()) for plane in chw] + [("pixels, HWC", PATTERN_HWC.tobytes())]
        self._rows = {"CHW": chw[0].reshape(-1).astype(float), "HWC": PATTERN_HWC.reshape(-1).astype(float)}

    def alike(self, values: Values) -> Iterator[str]:
        """Values -> in what form the pattern is in them."""
        flat = values.values.reshape(-1)
        yield from (f"values, {order}" for order, row in self._rows.items() if best_likeness(flat, row) > LIKE)
        if values.picture and _drawn(values.values):
            yield "a picture"


def _drawn(picture_HWC: NDArray[np.float64]) -> bool:
    """Whether the pattern is drawn anywhere in a picture, at one pixel to a value or up to 32."""
    picture = torch.from_numpy(picture_HWC[:MOST_SIDE, :MOST_SIDE].astype(np.float32)).permute(2, 0, 1).contiguous()
    if min(picture.shape[1:]) < 6:
        return False
    if max(picture.shape[1:]) <= 512:
        picture = picture.repeat_interleave(2, 1).repeat_interleave(2, 2)
    for _ in range(5):
        if _drawn_at_two_to_four(picture):
            return True
        if min(picture.shape[1:]) < 24:
            return False
        picture = avg_pool2d(picture[None], 2)[0]
    return False


def _drawn_at_two_to_four(picture_CHW: torch.Tensor) -> bool:
    pattern = torch.from_numpy(PATTERN_HWC.copy()).permute(2, 0, 1).float()
    green = picture_CHW[1] - picture_CHW[1].mean()
    height, width = green.shape
    transformed = torch.fft.rfft2(green)
    scale = 2.0
    while scale < 4.0:
        template = _sized(pattern, scale)
        rows, columns = template.shape[1:]
        if rows <= height and columns <= width:
            likely = _likeness(green, transformed, template[1])
            place = int(likely.argmax())
            if float(likely.flatten()[place]) > CANDIDATE:
                top, left = divmod(place, likely.shape[1])
                part = picture_CHW[:, top : top + rows, left : left + columns]
                if float(torch.stack([_cosine(a, b) for a, b in zip(part, template, strict=True)]).mean()) > LIKE_IN_PICTURE:
                    return True
        scale *= STEP
    return False


def _sized(pattern_CHW: torch.Tensor, scale: float) -> torch.Tensor:
    """The pattern, each of its values as a square of so many pixels, unsmoothed."""
    _, height, width = pattern_CHW.shape
    rows, columns = (((torch.arange(int(side * scale)) + 0.5) / scale).long() for side in (height, width))
    return pattern_CHW[:, rows][:, :, columns]


def _likeness(plane: torch.Tensor, transformed: torch.Tensor, template: torch.Tensor) -> torch.Tensor:
    """A plane (H,W), its transform and a template (h,w) -> how like each place is, from 0 to 1, as (H-h+1,W-w+1)."""
    centred = template - template.mean()
    rows, columns = template.shape
    dots = torch.fft.irfft2(transformed * torch.fft.rfft2(centred, s=plane.shape).conj(), s=plane.shape)
    dots = dots[: plane.shape[0] - rows + 1, : plane.shape[1] - columns + 1]
    means = _sums(plane.double(), rows, columns) / template.numel()
    spread = (_sums(plane.double() ** 2, rows, columns) - template.numel() * means**2).clamp_min(template.numel())
    return (dots.abs() / (spread.sqrt() * centred.norm())).float()


def _sums(plane: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Over every window of that size."""
    total = torch.nn.functional.pad(plane, (1, 0, 1, 0)).cumsum(0).cumsum(1)
    return total[rows:, columns:] - total[:-rows, columns:] - total[rows:, :-columns] + total[:-rows, :-columns]


def _cosine(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    a, b = one - one.mean(), other - other.mean()
    return ((a * b).sum() / (a.norm() * b.norm()).clamp_min(1e-6)).abs()
