"""What can be guessed of images with boxes without a release: the mean image, and in each box the mean of what is in boxes of its class."""

from collections.abc import Sequence
from typing import TypeAlias

from torch import Tensor
from torch.nn import functional

from dpm_flower.attacks.floor import mean_guess
from dpm_flower.core.boxed import Boxed
from dpm_flower.core.errors import DataError, ShapeError
from dpm_flower.core.labelled import as_floats
from dpm_flower.core.protocols import Guess

MEAN_SIDE = 32  # pixels of a mean content, before it is brought to a box's size

_Pixels: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom


def boxed_mean_guess(boxes: Sequence[Tensor], labels: Sequence[Tensor], auxiliary: Boxed) -> Guess:
    """Of each image its boxes (M_i,4) and what is in them (M_i,), and images of the same things -> guesses (N,3,H,W).

    Boxes travel openly, so that whoever owns such images knows what cells look like and where they are. Small boxes lie upon large
    ones. A class without an auxiliary box leaves the mean image as it is. Raises DataError for labels outside the auxiliary set's
    classes and for a set without images, ShapeError for other numbers of labels than of boxes.
    """
    if [len(one) for one in boxes] != [len(one) for one in labels]:
        raise ShapeError(f"wanted a label for each box of {len(boxes)} images, got {sum(map(len, labels))} for {sum(map(len, boxes))}")
    classes = len(auxiliary.class_names)
    if any(len(one) and not 0 <= int(one.min()) <= int(one.max()) < classes for one in labels):
        raise DataError(f"wanted labels in [0, {classes}), the auxiliary images' classes")
    guesses = mean_guess(len(boxes), auxiliary.images).images.clone()
    contents = _mean_contents(auxiliary)
    for guess, of_image, classes_M in zip(guesses, boxes, labels, strict=True):
        for number in _largest_first(of_image):
            content = contents.get(int(classes_M[number]))
            if content is not None:
                left, top, right, bottom = _pixels(of_image[number], guess)
                guess[:, top:bottom, left:right] = _resized(content, bottom - top, right - left)
    return Guess(guesses)


def _mean_contents(auxiliary: Boxed) -> dict[int, Tensor]:
    """By class the mean of what is in its boxes (3,MEAN_SIDE,MEAN_SIDE)."""
    sums, counts = dict[int, Tensor](), dict[int, int]()
    for image, boxes, labels in zip(auxiliary.images, auxiliary.boxes, auxiliary.labels, strict=True):
        floats = as_floats(image.unsqueeze(0))[0]
        for box, label in zip(boxes, labels.tolist(), strict=True):
            left, top, right, bottom = _pixels(box, floats)
            content = _resized(floats[:, top:bottom, left:right], MEAN_SIDE, MEAN_SIDE)
            sums[label] = sums[label] + content if label in sums else content
            counts[label] = counts.get(label, 0) + 1
    return {label: total / counts[label] for label, total in sums.items()}


def _largest_first(boxes_M4: Tensor) -> list[int]:
    areas_M = (boxes_M4[:, 2] - boxes_M4[:, 0]) * (boxes_M4[:, 3] - boxes_M4[:, 1])
    order: list[int] = areas_M.argsort(descending=True, stable=True).tolist()
    return order


def _pixels(box_4: Tensor, image_CHW: Tensor) -> _Pixels:
    """A box -> the pixels that it touches, at least one each way."""
    height, width = image_CHW.shape[-2:]
    left, top = (min(int(corner), most - 1) for corner, most in zip(box_4[:2].floor().tolist(), (width, height), strict=True))
    right, bottom = (min(int(corner), most) for corner, most in zip(box_4[2:].ceil().tolist(), (width, height), strict=True))
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _resized(content_CHW: Tensor, height: int, width: int) -> Tensor:
    return functional.interpolate(content_CHW.unsqueeze(0), size=(height, width), mode="bilinear", antialias=True)[0].clamp(0.0, 1.0)
