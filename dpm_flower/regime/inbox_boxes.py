"""The images with boxes of a site that learns from an inbox: those that may stay, and a day's, which are decoded in memory only."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import torch

from dpm_flower.core.boxed import Boxed, joined
from dpm_flower.core.errors import DamagedError, DataError
from dpm_flower.data.boxed_parts import BoxedPicture, boxed_picture
from dpm_flower.data.boxed_sources import load_boxed
from dpm_flower.data.picture_files import upright_rgb_of
from dpm_flower.data.retention.item_file import Item
from dpm_flower.data.retention.store import RetentionStore
from dpm_flower.data.voc_xml import Box
from dpm_flower.regime.inbox_images import LEAST_IMAGES
from dpm_flower.regime.site_file import DataPlace

LEAST_BOX = 0.01  # pixels: a narrower box may have no width left once it is mirrored, by the rounding of float32


@dataclass(frozen=True, slots=True, eq=False)
class StayingBoxes:
    """Own images that may stay, of which the attacker of the audit is assumed to own the training and the validation part, and public
    ones; boxes around things of other classes are not among those of the public images.
    """

    own: Boxed
    held_out: Boxed
    public: Boxed

    @property
    def known(self) -> Boxed:
        """What an attacking peer is assumed to own, and what everybody has."""
        return joined([self.own, self.public])

    @classmethod
    def of(cls, place: DataPlace, classes: tuple[str, ...], size: tuple[int, int]) -> "StayingBoxes":
        """A site's section data, the names of the classes, height and width -> the images.

        Public images may have boxes of any classes. Raises DataError as `load_boxed` does, for boxes of other classes in the own images,
        for too few images, and for held-out ones without any box.
        """
        found, public = load_boxed(place.images, size), _of_classes(load_boxed(place.public, size).train, classes)
        own = _renumbered(joined([found.train, found.validation]), classes, place.images)
        held_out = _renumbered(found.test, classes, place.images)
        if not any(len(labels) for labels in held_out.labels):
            raise DataError(f"{place.images}: wanted at least one box in the test part, in which things are to be found, got none")
        if min(len(own), len(public)) < LEAST_IMAGES:
            raise DataError(f"wanted at least {LEAST_IMAGES} own images to train on and public ones, got {len(own)} and {len(public)}")
        return cls(own, held_out, public)


def days_boxes(store: RetentionStore, items: Sequence[str], classes: tuple[str, ...], size: tuple[int, int]) -> Boxed:
    """Ids of images that have boxes, the names behind the class numbers, height and width -> the images as bytes, in that order.

    One that was damaged in the store or has a box that is gone at this size is left out. Raises GoneError where one of them is over,
    DataError where fewer are left than can be learnt from.
    """
    found = list[BoxedPicture]()
    for item in items:
        with suppress(DamagedError, DataError):  # why is not told: it says where something is in an image that nobody may keep
            found.append(_picture(store.read(item), classes, size))
    if len(found) < LEAST_IMAGES:
        wanted = f"at least {LEAST_IMAGES} images of {len(items)} that are as they came and have no box that is too small"
        raise DataError(f"wanted {wanted}, got {len(found)}")
    images = torch.from_numpy(np.stack([each.pixels for each in found]))
    return Boxed(images, tuple(each.boxes for each in found), tuple(each.labels for each in found), classes)


def _picture(item: Item, classes: tuple[str, ...], size: tuple[int, int]) -> BoxedPicture:
    boxes = [Box(name, (xmin, ymin, xmax, ymax)) for name, xmin, ymin, xmax, ymax in item.labels["boxes"]]
    picture = boxed_picture(upright_rgb_of(item.content, "an image of the store"), boxes, classes, size)
    if len(picture.boxes) and float((picture.boxes[:, 2:] - picture.boxes[:, :2]).min()) < LEAST_BOX:
        raise DataError(f"wanted boxes with sides of at least {LEAST_BOX} pixels at {size[1]} x {size[0]}, got a smaller one")
    return picture


def _of_classes(boxed: Boxed, classes: tuple[str, ...]) -> Boxed:
    """Boxes in the class numbers of their data set -> those around things of `classes`, in the numbers of these."""
    numbers = torch.tensor([classes.index(name) if name in classes else -1 for name in boxed.class_names])
    there = [numbers[labels] >= 0 for labels in boxed.labels]
    boxes = tuple(corners[kept] for corners, kept in zip(boxed.boxes, there, strict=True))
    labels = tuple(numbers[kinds[kept]] for kinds, kept in zip(boxed.labels, there, strict=True))
    return Boxed(boxed.images, boxes, labels, classes)


def _renumbered(boxed: Boxed, classes: tuple[str, ...], where: str) -> Boxed:
    """Boxes in the class numbers of their data set -> the same in those of `classes`."""
    there = torch.unique(torch.cat(boxed.labels)).tolist()
    if unknown := [boxed.class_names[number] for number in there if boxed.class_names[number] not in classes]:
        raise DataError(f"{where}: wanted boxes of the classes {', '.join(classes)}, got also some of {', '.join(unknown)}")
    return _of_classes(boxed, classes)
