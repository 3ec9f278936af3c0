"""An owner's own images and what attackers make of their features -> one grid of pictures per sharing method.

Pictures belong into an owner's report about its own images, or into a simulation's on public data; nobody else's report has any.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor

from dpm_flower.core.errors import ShapeError
from dpm_flower.core.labelled import as_bytes
from dpm_flower.studies.drawing import LIGHT, ImageFormat, Scheme, canvas, image_bytes, literal

ImagesNHW3: TypeAlias = NDArray[np.uint8]

WIDTH_IN = 10.0
LABEL_IN = 1.8  # left of the pictures, for the names of the rows
GAP = 0.08  # between two pictures, in heights of a picture
MOST = 12  # pictures in a row; more could not be recognised at 1,000 px
LEAST_IN, MOST_IN = 0.55, 1.2  # height of a picture: three lines of a row's name need the one, and more than the other shows nothing


@dataclass(frozen=True, slots=True, eq=False)
class PictureRow:
    """Pictures (N,H,W,3) uint8, and what they are, in up to three short lines."""

    label: str
    images: ImagesNHW3

    @classmethod
    def of(cls, label: str, images_N3HW: Tensor) -> "PictureRow":
        """What they are, and pictures as networks read them, bytes or floats in [0,1]."""
        return cls(label, as_bytes(images_N3HW).permute(0, 2, 3, 1).contiguous().numpy())


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """One method's rows of pictures, any number of them, one above the other: the same images in each, in the same order.

    Raises ShapeError for anything else.
    """

    method: str
    rows: tuple[PictureRow, ...]

    def __post_init__(self) -> None:
        if not self.rows:
            raise ShapeError("wanted at least one row of pictures, got none")
        shape = self.rows[0].images.shape
        if len(shape) != 4 or shape[3] != 3 or min(shape) < 1:
            raise ShapeError(f"pictures are (N,H,W,3) with at least one of each, got {shape}")
        for row in self.rows:
            if row.images.shape != shape or row.images.dtype != np.uint8:
                raise ShapeError(f"wanted {row.label} of shape {shape} and type uint8, got {row.images.shape} and {row.images.dtype}")


def picture_grid(pictures: Pictures, *, scheme: Scheme = LIGHT, kind: ImageFormat = "png") -> bytes:
    """Pictures -> their named rows, the first twelve pictures of each at most, fewer where they are wide; pixels unsmoothed."""
    count, height, width = pictures.rows[0].images.shape[:3]
    wide = width / height  # this and what follows in heights of a picture
    fitting = int(((WIDTH_IN - LABEL_IN) / LEAST_IN + GAP) / (wide + GAP))
    shown = max(1, min(MOST, count, fitting))
    across, down = shown * (wide + GAP) - GAP, len(pictures.rows) * (1 + GAP) - GAP
    picture_in = min(MOST_IN, (WIDTH_IN - LABEL_IN) / across)
    width_in = LABEL_IN + across * picture_in
    figure = canvas(width_in, down * picture_in, scheme, lays_itself_out=False)
    axes = figure.add_axes((LABEL_IN / width_in, 0, 1 - LABEL_IN / width_in, 1))
    for number, row in enumerate(pictures.rows):
        _draw(axes, row.images[:shown], -number * (1 + GAP), wide)
    middles = [-number * (1 + GAP) - 0.5 for number in range(len(pictures.rows))]
    axes.set_yticks(middles, [literal(row.label) for row in pictures.rows])
    axes.set_xticks([])
    axes.tick_params(length=0, labelsize=10, labelcolor=scheme.ink)
    axes.spines[:].set_visible(False)
    axes.set_facecolor(scheme.paper)
    axes.set_xlim(0, across)
    axes.set_ylim(-down, 0)
    return image_bytes(figure, kind)


def _draw(axes: Axes, images: ImagesNHW3, top: float, wide: float) -> None:
    for column, image in enumerate(images):
        left = column * (wide + GAP)
        axes.imshow(image, interpolation="nearest", extent=(left, left + wide, top - 1, top))
