"""Images of any proportions on a square: resized and in its middle, black beside them; with the boxes in them, and back again."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.core.labelled import as_bytes, as_floats


@dataclass(frozen=True, slots=True)
class Letterbox:
    """Images of `size`, height and width, on squares of `side` pixels: the longer edge fills the side, the shorter one goes with it.

    It comes to a whole number of pixels, so that a box is stretched by the two ratios that its image is. Boxes come back as they were
    but for the rounding of float32, and pixels but for the detail that a smaller image cannot hold. Raises SettingError for a size or a
    side below 1 pixel.
    """

    size: tuple[int, int]
    side: int

    def __post_init__(self) -> None:
        if min(*self.size, self.side) < 1:
            raise SettingError(f"wanted a size and a side of at least 1 pixel, got {self.size} and {self.side}")

    @property
    def inner(self) -> tuple[int, int]:
        """Height and width of what is not black."""
        height, width = (max(1, round(self.side * edge / max(self.size))) for edge in self.size)
        return height, width

    @property
    def start(self) -> tuple[int, int]:
        """The row and the column where it begins."""
        top, left = ((self.side - edge) // 2 for edge in self.inner)
        return top, left

    def images(self, images_NCHW: Tensor) -> Tensor:
        """Images (N,C,H,W), bytes or floats -> squares (N,C,side,side) of that kind. Raises ShapeError for images of another size."""
        self._check(images_NCHW, self.size)
        (top, left), (height, width) = self.start, self.inner
        beside = (left, self.side - left - width, top, self.side - top - height)
        return functional.pad(_resized(images_NCHW, self.inner), beside)

    def images_back(self, squares_NCHW: Tensor) -> Tensor:
        """Squares (N,C,side,side), bytes or floats -> images (N,C,H,W) of that kind. Raises ShapeError for squares of another side."""
        self._check(squares_NCHW, (self.side, self.side))
        (top, left), (height, width) = self.start, self.inner
        return _resized(squares_NCHW[..., top : top + height, left : left + width], self.size)

    def boxes(self, boxes_M4: Tensor) -> Tensor:
        """Boxes (M,4) in the image, corners in pixels -> the same in the square."""
        own, inner, start = self._along(boxes_M4)
        return boxes_M4 * inner / own + start  # multiplied first: the image's border comes to lie on that of what is not black

    def boxes_back(self, boxes_M4: Tensor) -> Tensor:
        """Boxes (M,4) in the square -> the same in the image; what lies beside the image ends at its border."""
        own, inner, start = self._along(boxes_M4)
        return torch.minimum(((boxes_M4 - start) * own / inner).clamp_min(0.0), own)

    def boxed(self, boxed: Boxed) -> Boxed:
        """Images with boxes -> squares with the same boxes. Raises ShapeError for images of another size."""
        return Boxed(self.images(boxed.images), tuple(map(self.boxes, boxed.boxes)), boxed.labels, boxed.class_names)

    def _along(self, boxes_M4: Tensor) -> tuple[Tensor, ...]:
        """For each of a box's four numbers, what the edge is in the image and in the square, and where it begins there, (4,) each."""
        return tuple(boxes_M4.new_tensor([across, down, across, down]) for down, across in (self.size, self.inner, self.start))

    def _check(self, images_NCHW: Tensor, size: tuple[int, int]) -> None:
        if images_NCHW.ndim != 4 or tuple(images_NCHW.shape[2:]) != size:
            raise ShapeError(f"wanted images (N,C,{size[0]},{size[1]}), got {tuple(images_NCHW.shape)}")


def _resized(images_NCHW: Tensor, size: tuple[int, int]) -> Tensor:
    if tuple(images_NCHW.shape[2:]) == size:
        return images_NCHW
    found = functional.interpolate(as_floats(images_NCHW), size=size, mode="bilinear", antialias=True).clamp(0.0, 1.0)
    return found if images_NCHW.is_floating_point() else as_bytes(found)
