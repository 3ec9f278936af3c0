"""Uniform quantisation: values (n,C,h,w) -> pixels (n,C,h,w) of one byte each with every channel's bounds, and back."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Values: TypeAlias = npt.NDArray[np.float32]
Pixels: TypeAlias = npt.NDArray[np.uint8]

CLIPPED_DEVIATIONS = 6.0  # from a channel's mean. Source: SPEC.md, section 3
PIXELS = 256  # that a byte can be
BRIGHTEST = PIXELS - 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """The least and the greatest value (C,) of each channel; the levels lie evenly from one to the other."""

    low: Values
    high: Values

    def table(self, levels: int) -> Values:
        """The value (C,256) of each pixel: that of its level, or of the nearer of two levels that lossy coding left it between."""
        numbers = np.rint(np.arange(PIXELS) * ((levels - 1) / BRIGHTEST))
        steps = (self.high.astype(np.float64) - self.low) / (levels - 1)
        values: Values = (self.low[:, None] + numbers * steps[:, None]).astype(np.float32)
        return values


def bounds_of(values_nChw: Values) -> Bounds:
    """Values -> each channel's range, or mean -6 to +6 standard deviations where that is narrower on a side.

    Within six deviations no level is spent on where no value lies: behind a ReLU that is nearly half of them.
    """
    ends = [_range(values_nChw[:, channel]) for channel in range(values_nChw.shape[1])]
    return Bounds(np.array([low for low, _ in ends], np.float32), np.array([high for _, high in ends], np.float32))


def quantised(values_nChw: Values, bounds: Bounds, levels: int) -> Pixels:
    """Values -> the nearest of the levels as grey pixels, black for the least and white for the greatest; what lies outside is clipped."""
    pixels = np.empty(values_nChw.shape, np.uint8)
    for channel, (low, high) in enumerate(zip(bounds.low.astype(np.float64), bounds.high.astype(np.float64), strict=True)):
        of_range = (np.clip(values_nChw[:, channel], low, high) - low) / (high - low if high > low else 1.0)
        pixels[:, channel] = np.rint(np.rint(of_range * (levels - 1)) * (BRIGHTEST / (levels - 1)))
    return pixels


def restored(pixels_nChw: Pixels, bounds: Bounds, levels: int) -> Values:
    """Pixels -> the values of their levels."""
    values = np.empty(pixels_nChw.shape, np.float32)
    for channel, table in enumerate(bounds.table(levels)):
        values[:, channel] = table[pixels_nChw[:, channel]]
    return values


def _range(values_nhw: Values) -> tuple[float, float]:
    """One channel's values -> its bounds."""
    mean, deviation = float(values_nhw.mean(dtype=np.float64)), float(values_nhw.std(dtype=np.float64))
    low = max(float(values_nhw.min()), mean - CLIPPED_DEVIATIONS * deviation)
    return low, max(low, min(float(values_nhw.max()), mean + CLIPPED_DEVIATIONS * deviation))
