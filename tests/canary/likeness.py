"""A short row of numbers, looked for in a long one under every scale and offset: the cosine of what is left without the mean."""

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float64]
LEAST_SPREAD = 1e-6  # of a window, against the whole row's: flat windows are like everything


def best_likeness(values: Row, wanted: Row) -> float:
    """Values (N,) and a wanted row (K,) -> the best cosine, from -1 to 1, of any K neighbours with it; -1 where there are too few.

    Negatives count as much as positives: a picture's negative shows as much as the picture. The transform finds candidates; what
    is answered is computed anew for these.
    """
    count = len(wanted)
    if len(values) < count:
        return -1.0
    centred, pattern = values - values.mean(), _unit(wanted)
    spread = float(np.abs(centred).max())
    if not spread:
        return -1.0
    centred = centred / spread
    size = 1 << int(np.ceil(np.log2(len(centred) + count)))
    dots = np.fft.irfft(np.fft.rfft(centred, size) * np.conj(np.fft.rfft(pattern, size)), size)[: len(centred) - count + 1]
    sums = np.cumsum(np.concatenate(([0.0], centred)))
    squares = np.cumsum(np.concatenate(([0.0], centred**2)))
    window = squares[count:] - squares[:-count] - (sums[count:] - sums[:-count]) ** 2 / count
    likely = np.where(window > LEAST_SPREAD**2 * count, np.abs(dots) / np.sqrt(np.maximum(window, 1e-30)), 0.0)
    places = np.argpartition(likely, -min(3, len(likely)))[-3:]
    return max(abs(float(_unit(centred[place : place + count]) @ pattern)) for place in places)


def _unit(row: Row) -> Row:
    centred = row - row.mean()
    length = float(np.linalg.norm(centred))
    unit: Row = centred / length if length else centred
    return unit
