"""An owner's own images and what an attacker makes of their features -> one grid of pictures per sharing method.

Pictures belong into an owner's report about its own images, or into a simulation's on public data; nobody else's report has any.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dpm_flower.core.errors import ShapeError
from dpm_flower.studies.drawing import LIGHT, ImageFormat, Scheme, canvas, image_bytes

ImagesNHW3: TypeAlias = NDArray[np.uint8]

WIDTH_IN = 10.0
LABEL_IN = 1.6  # left of the pictures, for the names of the rows
GAP = 0.08  # between two pictures, in heights of a picture
MOST = 12  # pictures in a row; more could not be recognised at 1,000 px


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """One method's pictures, four times (N,H,W,3) uint8: the images, the public reconstructor's on raw and on shared features,
    and the negative of the last one (a negative discloses an image just as well).

    Raises ShapeError for anything else.
    """

    method: str
    originals: ImagesNHW3
    raw: ImagesNHW3
    poisoned: ImagesNHW3
    negatives: ImagesNHW3

    def __post_init__(self) -> None:
        shape = self.originals.shape
        if len(shape) != 4 or shape[3] != 3 or min(shape) < 1:
            raise ShapeError(f"pictures are (N,H,W,3) with at least one of each, got {shape}")
        for name in ("originals", "raw", "poisoned", "negatives"):
            images = getattr(self, name)
            if images.shape != shape or images.dtype != np.uint8:
                raise ShapeError(f"wanted {name} of shape {shape} and type uint8, got {images.shape} and {images.dtype}")


def picture_grid(pictures: Pictures, *, scheme: Scheme = LIGHT, kind: ImageFormat = "png") -> bytes:
    """Pictures -> four named rows of the first pictures (twelve at most), pixels unsmoothed."""
    rows = (
        ("original", pictures.originals),
        ("reconstruction\nfrom raw features", pictures.raw),
        ("reconstruction\nfrom shared features", pictures.poisoned),
        ("its negative", pictures.negatives),
    )
    shown = min(MOST, len(pictures.originals))
    width = pictures.originals.shape[2] / pictures.originals.shape[1]  # this and what follows in heights of a picture
    across, down = shown * (width + GAP) - GAP, len(rows) * (1 + GAP) - GAP
    picture_in = min(1.2, (WIDTH_IN - LABEL_IN) / across)
    width_in = LABEL_IN + across * picture_in
    figure = canvas(width_in, down * picture_in, scheme, lays_itself_out=False)
    axes = figure.add_axes((LABEL_IN / width_in, 0, 1 - LABEL_IN / width_in, 1))
    for row, (_, images) in enumerate(rows):
        top = -row * (1 + GAP)
        for column, image in enumerate(images[:shown]):
            left = column * (width + GAP)
            axes.imshow(image, interpolation="nearest", extent=(left, left + width, top - 1, top))
    axes.set_xticks([])
    axes.set_yticks([-row * (1 + GAP) - 0.5 for row in range(len(rows))], [name for name, _ in rows])
    axes.tick_params(length=0, labelsize=10, labelcolor=scheme.ink)
    axes.spines[:].set_visible(False)
    axes.set_facecolor(scheme.paper)
    axes.set_xlim(0, across)
    axes.set_ylim(-down, 0)
    return image_bytes(figure, kind)
