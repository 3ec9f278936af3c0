"""Images with boxes around things of known classes, and the one check that they are that."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.errors import DataError, ShapeError
from dpm_flower.core.labelled import Labelled

CORNERS = 4  # of a box, in pixels of the upright image: xmin, ymin, xmax, ymax


@dataclass(frozen=True, slots=True, eq=False)
class Boxed:
    """Images (N,3,H,W), uint8 or float32 in [0,1]; of each its boxes (M_i,4), float32, and what is in them (M_i,), int64.

    Corners are xmin, ymin, xmax, ymax in pixels of the image, 0 <= xmin < xmax <= W. Classes count from 0, as everywhere; a detector
    gives 0 to the background and counts on from 1 (see training/detection.py). An image may have no boxes. Raises ShapeError and
    DataError for anything else, and says of which image.
    """

    images: Tensor
    boxes: tuple[Tensor, ...]
    labels: tuple[Tensor, ...]
    class_names: tuple[str, ...]

    def __post_init__(self) -> None:
        Labelled(self.images, torch.zeros(len(self.images), dtype=torch.int64), 1)  # the check that they are images
        if not len(self.images) == len(self.boxes) == len(self.labels):
            raise ShapeError(f"wanted boxes and labels of {len(self.images)} images, got {len(self.boxes)} and {len(self.labels)}")
        if not self.class_names:
            raise DataError("wanted at least one class of things, got none")
        height, width = self.images.shape[-2:]
        for number, (boxes, labels) in enumerate(zip(self.boxes, self.labels, strict=True)):
            try:
                check_boxes(boxes, labels, (height, width), len(self.class_names))
            except (DataError, ShapeError) as err:
                raise type(err)(f"image {number}: {err}") from err

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of all images, pixels."""
        height, width = self.images.shape[-2:]
        return height, width

    def take(self, indices: Tensor) -> "Boxed":
        """The images at `indices` (M,) -> a new set of M images in that order."""
        chosen = indices.tolist()
        return Boxed(self.images[indices], tuple(self.boxes[i] for i in chosen), tuple(self.labels[i] for i in chosen), self.class_names)


def check_boxes(boxes_M4: Tensor, labels_M: Tensor, size: tuple[int, int], classes: int) -> None:
    """Raises ShapeError or DataError unless these are boxes with an area within an image of that height and width, of known classes."""
    if boxes_M4.ndim != 2 or boxes_M4.shape[1] != CORNERS or labels_M.shape != boxes_M4.shape[:1]:
        raise ShapeError(f"wanted boxes (M,4) and labels (M,), got {tuple(boxes_M4.shape)} and {tuple(labels_M.shape)}")
    if boxes_M4.dtype != torch.float32 or labels_M.dtype != torch.int64:
        raise DataError(f"wanted float32 boxes and int64 labels, got {boxes_M4.dtype} and {labels_M.dtype}")
    if not len(boxes_M4):
        return
    height, width = size
    xmin, ymin, xmax, ymax = boxes_M4.unbind(1)
    inside = (xmin >= 0) & (xmin < xmax) & (xmax <= width) & (ymin >= 0) & (ymin < ymax) & (ymax <= height)  # also false for NaN
    if not bool(inside.all()):
        strange = boxes_M4[~inside][0].tolist()
        raise DataError(f"wanted boxes with an area within {width} x {height} pixels, got one from {strange[:2]} to {strange[2:]}")
    if int(labels_M.min()) < 0 or int(labels_M.max()) >= classes:
        raise DataError(f"wanted labels in [0, {classes}), got {int(labels_M.min())} to {int(labels_M.max())}")


def joined(sets: Sequence[Boxed]) -> Boxed:
    """Several sets of one size and the same classes -> one. Raises ShapeError for none or for others, DataError where classes differ."""
    if not sets or len({each.size for each in sets}) != 1 or len({each.images.dtype for each in sets}) != 1:
        raise ShapeError(f"wanted sets of images of one size and kind, got {[(each.size, each.images.dtype) for each in sets]}")
    if len({each.class_names for each in sets}) != 1:
        raise DataError(f"wanted sets with the same classes, got {[each.class_names for each in sets]}")
    return Boxed(
        torch.cat([each.images for each in sets]),
        tuple(boxes for each in sets for boxes in each.boxes),
        tuple(labels for each in sets for labels in each.labels),
        sets[0].class_names,
    )
