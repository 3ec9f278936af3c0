"""Random flips of a batch of images together with the boxes in them."""

from collections.abc import Sequence

import torch
from torch import Tensor


def flipped(images_BCHW: Tensor, boxes: Sequence[Tensor], rng: torch.Generator) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Images (B,C,H,W), bytes or floats, of each its boxes (M_i,4), corners in pixels, and a random stream -> the same, flipped.

    Every image is mirrored with probability 1/2, and turned upside down with probability 1/2. What is in a box stays in it.
    """
    across_B, down_B = torch.rand(2, len(images_BCHW), generator=rng) < 0.5
    return mirrored(images_BCHW, boxes, across_B, down_B)


def mirrored(images_BCHW: Tensor, boxes: Sequence[Tensor], across_B: Tensor, down_B: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    """As `flipped`, with a choice (B,) bool of the images that are mirrored and of those that are turned upside down."""
    height, width = images_BCHW.shape[-2:]
    across_B111, down_B111 = (each.view(-1, 1, 1, 1).to(images_BCHW.device) for each in (across_B, down_B))
    images = torch.where(across_B111, images_BCHW.flip(3), images_BCHW)
    images = torch.where(down_B111, images.flip(2), images)
    turns = zip(boxes, across_B.tolist(), down_B.tolist(), strict=True)
    return images, tuple(_turned(each, width if across else None, height if down else None) for each, across, down in turns)


def _turned(boxes_M4: Tensor, width: int | None, height: int | None) -> Tensor:
    """Boxes -> mirrored in an image of that width, turned upside down in one of that height."""
    xmin, ymin, xmax, ymax = boxes_M4.unbind(1)
    if width is not None:
        xmin, xmax = width - xmax, width - xmin
    if height is not None:
        ymin, ymax = height - ymax, height - ymin
    return torch.stack((xmin, ymin, xmax, ymax), 1)
