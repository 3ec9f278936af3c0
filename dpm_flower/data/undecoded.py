"""A data set whose images still lie in files: all that is known of it before they are decoded."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from dpm_flower.core.errors import DataError
from dpm_flower.core.labelled import Labelled, Labels
from dpm_flower.data.class_numbers import classes_from_text
from dpm_flower.data.dataset import Column, DataSet
from dpm_flower.data.pixels import BytesNCHW


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Labels (N,) and, decoded anew at each call of `pieces`, the images (n,3,side,side), uint8, that add up to N in their order."""

    labels: Labels
    pieces: Callable[[], Iterator[BytesNCHW]]

    def decoded(self, side: int, classes: int) -> Labelled:
        """All images in memory, once: the pieces are written into their place."""
        images = np.empty((len(self.labels), 3, side, side), dtype=np.uint8)
        start = 0
        for piece in self.pieces():
            images[start : start + len(piece)] = piece
            start += len(piece)
        return Labelled(torch.from_numpy(images), self.labels, classes)


@dataclass(frozen=True, slots=True, eq=False)
class Undecoded:
    """What a source says about its data set, with the fields of `DataSet`; images are decoded piece by piece when asked for."""

    name: str
    side: int
    train: Part
    test: Part
    class_names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    columns: Mapping[str, Column] = field(default_factory=dict)
    held_out_by: str | None = None

    def decoded(self) -> DataSet:
        """The data set, with its images in memory. Raises what its files and `DataSet` raise."""
        classes = len(self.class_names)
        train, test = self.train.decoded(self.side, classes), self.test.decoded(self.side, classes)
        return DataSet(self.name, train, test, self.class_names, self.notes, self.columns, self.held_out_by)

    def labelled_by(self, label: str) -> "Undecoded":
        """The same images, with a column's values as their classes. Raises DataError for an unknown column, naming those that are there."""
        if label not in self.columns:
            raise DataError(f"{self.name}: wanted a column {label!r} as label, got the columns {', '.join(self.columns) or 'none'}")
        column = self.columns[label]
        train, test, names = classes_from_text(column.train, column.test)
        return replace(self, train=replace(self.train, labels=train), test=replace(self.test, labels=test), class_names=names)
