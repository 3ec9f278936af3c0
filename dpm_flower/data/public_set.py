"""Two data sets as one: the images of a task, and others that everybody may see."""

import torch

from dpm_flower.core.errors import DataError
from dpm_flower.core.labelled import UNKNOWN, Labelled, joined_images
from dpm_flower.data.dataset import Column, DataSet


def with_public(own: DataSet, other: DataSet) -> DataSet:
    """A task's data set and another one -> a data set that has the training images of both, those of the other one's classes public.

    The classes of `other` count on from those of `own` and are its `public_classes`; its test images are left out. Its images have
    nothing in common with any other by a column, and their attributes are unknown. Raises DataError for images of another side.
    """
    if own.side != other.side:
        raise DataError(f"wanted public images of {own.side} x {own.side} pixels, as those of {own.name}, got {other.side} in {other.name}")
    classes, more = len(own.class_names), len(other.class_names)
    attributes = None
    if own.train.attributes is not None:
        unknown = torch.full((len(other.train), own.train.attributes.shape[1]), UNKNOWN, dtype=torch.uint8)
        attributes = torch.cat((own.train.attributes, unknown))
    apart = tuple(f"{other.name} {number}" for number in range(len(other.train)))
    return DataSet(
        name=own.name,
        train=Labelled(
            joined_images([own.train.images, other.train.images]),
            torch.cat((own.train.labels, other.train.labels + classes)),
            classes + more,
            attributes,
        ),
        test=Labelled(own.test.images, own.test.labels, classes + more, own.test.attributes),
        class_names=(*own.class_names, *(f"{other.name}: {name}" for name in other.class_names)),
        notes=(*own.notes, f"the public images are training images of {other.name}"),
        columns={name: Column((*column.train, *apart), column.test) for name, column in own.columns.items()},
        held_out_by=own.held_out_by,
        attribute_names=own.attribute_names,
        public_classes=tuple(range(classes, classes + more)),
    )
