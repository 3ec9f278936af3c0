"""A data set whose images still lie in files: all that is known of it before they are decoded."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from dpm_flower.core.errors import DataError
from dpm_flower.core.labelled import Labelled, Labels
from dpm_flower.data.attributes import named_attributes
from dpm_flower.data.class_numbers import classes_from_text
from dpm_flower.data.dataset import Column, DataSet
from dpm_flower.data.pixels import BytesNCHW

NO_COLUMNS: Mapping[str, Column] = MappingProxyType({})


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Labels (N,), attributes (N,A) if any, and the images (n,3,side,side), uint8, that add up to N in their order.

    Images are decoded anew at each call of `pieces`.
    """

    labels: Labels
    pieces: Callable[[], Iterator[BytesNCHW]]
    attributes: Tensor | None = None

    def decoded(self, side: int, classes: int) -> Labelled:
        """All images in memory, once: the pieces are written into their place."""
        images = np.empty((len(self.labels), 3, side, side), dtype=np.uint8)
        start = 0
        for piece in self.pieces():
            images[start : start + len(piece)] = piece
            start += len(piece)
        return Labelled(torch.from_numpy(images), self.labels, classes, self.attributes)


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
    attribute_names: tuple[str, ...] = ()

    def decoded(self) -> DataSet:
        """The data set, with its images in memory. Raises what its files and `DataSet` raise."""
        classes = len(self.class_names)
        train, test = self.train.decoded(self.side, classes), self.test.decoded(self.side, classes)
        return DataSet(self.name, train, test, self.class_names, self.notes, self.columns, self.held_out_by, self.attribute_names)

    def labelled_by(self, label: str) -> "Undecoded":
        """The same images, with a column's values as their classes. Raises DataError for an unknown column, naming those that are there."""
        if label not in self.columns:
            raise DataError(f"{self.name}: wanted a column {label!r} as label, got the columns {', '.join(self.columns) or 'none'}")
        column = self.columns[label]
        train, test, names = classes_from_text(column.train, column.test)
        return replace(self, train=replace(self.train, labels=train), test=replace(self.test, labels=test), class_names=names)

    def with_attributes(self, chosen: Sequence[str], others: Mapping[str, Column] = NO_COLUMNS, label: str = "") -> "Undecoded":
        """The same images with attributes made of the `chosen` columns, in their order (see data/attributes.py); without any, itself.

        `others` are columns of that kind that the data set does not count among its own. Raises DataError for an unknown column, and
        for the `label`, which is released and not inferred.
        """
        if not chosen:
            return self
        if label in chosen:
            raise DataError(f"{self.name}: wanted attributes beside the class, which is released, got {label}")
        found = named_attributes(chosen, {**others, **self.columns}, self.name)
        train, test = replace(self.train, attributes=found.train), replace(self.test, attributes=found.test)
        return replace(self, train=train, test=test, attribute_names=found.names)
