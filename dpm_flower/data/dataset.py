"""A data set as everything above reads it: square colour images to train on and to test on, with named classes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from dpm_flower.core.errors import DataError, ShapeError
from dpm_flower.core.labelled import Labelled


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """What each image belongs to (hospital, patient, lesion, ...), as text: one entry per training and per test image."""

    train: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class DataSet:
    """Training and test images (N,3,side,side), uint8 or float32 (see core/labelled.py), and one name per class.

    Grey images have three equal channels. `columns` are what is known of the images beside their classes, by name.
    `attribute_names` (A) are those of the images' attributes, empty where they have none.
    `notes` say what was done to the data on the way in and what a report must therefore state, for example a test set that had
    to be split off. `held_out_by` is None where the test set came with the data; where it was split off here, it is the column of
    which no value is on both sides, or "" where that was done image by image.
    `public_classes` are those whose images everybody may see and of which the task knows nothing (see data/public_set.py).
    Raises ShapeError for images that are not square, not coloured or of two sizes; DataError for a part without images, class
    names, columns and attributes that do not fit the images, and training images of fewer than two classes.
    """

    name: str
    train: Labelled
    test: Labelled
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    columns: Mapping[str, Column] = field(default_factory=dict)
    held_out_by: str | None = None
    attribute_names: tuple[str, ...] = ()
    public_classes: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        side = self.train.images.shape[-1]
        for part, labelled in (("train", self.train), ("test", self.test)):
            if tuple(labelled.images.shape[1:]) != (3, side, side):
                raise ShapeError(f"{self.name}: wanted {part} images (N,3,{side},{side}), got {tuple(labelled.images.shape)}")
            if not len(labelled):
                raise DataError(f"{self.name}: wanted at least one {part} image, got none")
            if labelled.classes != len(self.class_names):
                raise DataError(f"{self.name}: wanted {labelled.classes} class names for the {part} labels, got {len(self.class_names)}")
            known, names = 0 if labelled.attributes is None else labelled.attributes.shape[1], self.attribute_names
            if not known == len(names) == len(set(names)):
                raise DataError(f"{self.name}: wanted different names for {known} attributes of the {part} images, got {names}")
        for column_name, column in self.columns.items():
            got, wanted = (len(column.train), len(column.test)), (len(self.train), len(self.test))
            if got != wanted:
                raise DataError(f"{self.name}: wanted {wanted} training and test entries of column {column_name!r}, got {got}")
        if (present := len(torch.unique(self.train.labels))) < 2:
            raise DataError(f"{self.name}: wanted training images of at least 2 classes, got {present}")

    @property
    def side(self) -> int:
        """Height and width of every image, in pixels."""
        return self.train.images.shape[-1]
