"""An institution's own data set -> what its entity trains on, chooses on and is judged on, in the study's class numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.errors import DataError
from dpm_flower.core.labelled import Labelled, joined_attributes, joined_images
from dpm_flower.core.partition import Partition
from dpm_flower.core.streams import stream
from dpm_flower.data.dataset import DataSet
from dpm_flower.data.division import kept_together, with_validation
from dpm_flower.data.image_folder import HELD_OUT
from dpm_flower.data.partition_columns import numbered
from dpm_flower.data.repeats import distinct, distinct_in
from dpm_flower.data.stratified import stratified_split
from dpm_flower.data.undecoded import Undecoded

MOST_NAMED = 20  # classes in a message


@dataclass(frozen=True, slots=True, eq=False)
class OwnImages:
    """What one entity brings: images to train on and release, others to choose on, and those on which its deciders are judged.

    `attribute_names` are those of the attributes that they have, if any.
    """

    train: Labelled
    validation: Labelled
    test: Labelled
    attribute_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Parted:
    """Images, which of them (M,) are not held out, the group of each (N,) if there are any, and the images held out."""

    images: Labelled
    rest: Tensor
    groups: Tensor | None
    test: Labelled


def own_images(dataset: DataSet, classes: Sequence[str], partition: Partition, entity: str, seed: int) -> OwnImages:
    """A data set, the study's class names, its partition and seed, and who holds them -> pieces of which no two hold the same image.

    The data set's own test part is what is held out; without one, a stratified fifth is, the same under every seed, so that a study
    has one test set. Of a column by which the partition keeps images together no value is on two sides, where the data set has that
    column; else of the column by which its test images were held apart. Classes are known by their names, and some may be lacking.
    Raises DataError, naming both, for images of a class that the study does not have; PartitionError for too few images.
    """
    numbers = study_numbers(dataset, classes)
    together = partition.together if partition.together in dataset.columns else dataset.held_out_by or ""
    parted = _with_test_part(dataset, together) if dataset.held_out_by is None else _with_held_out(dataset, together, entity)
    labels = parted.images.labels
    order = parted.rest[torch.randperm(len(parted.rest), generator=stream(seed, f"entity-{entity}", "own images"))]
    own = with_validation(entity, order, labels, partition, parted.groups)

    def renumbered(found: Labelled, indices: Tensor) -> Labelled:
        return Labelled(found.images[indices], numbers[found.labels[indices]], len(classes), found.attributes_at(indices))

    return OwnImages(
        train=renumbered(parted.images, own.train),
        validation=renumbered(parted.images, own.validation),
        test=renumbered(parted.test, torch.arange(len(parted.test))),
        attribute_names=dataset.attribute_names,
    )


def study_numbers(dataset: DataSet | Undecoded, classes: Sequence[str]) -> Tensor:
    """The study's number of each class of the data set (K,), -1 for one without images that the study does not have.

    Raises DataError, naming both, for images of a class that the study does not have.
    """
    filled = set(torch.unique(torch.cat((dataset.train.labels, dataset.test.labels))).tolist())
    number_of = {name: number for number, name in enumerate(classes)}
    unknown = [name for number, name in enumerate(dataset.class_names) if number in filled and name not in number_of]
    if unknown:
        raise DataError(f"{dataset.name}: wanted images of the study's classes, {_listed(classes)}, got also images of {_listed(unknown)}")
    return torch.tensor([number_of.get(name, -1) for name in dataset.class_names])


def _with_test_part(dataset: DataSet, together: str) -> _Parted:
    groups, kept = kept_together(dataset, together, distinct_in(dataset).kept)
    return _Parted(dataset.train, kept, groups, dataset.test)


def _with_held_out(dataset: DataSet, together: str, entity: str) -> _Parted:
    """The loader's own split knows neither the study's columns nor the entity: it is undone, and made anew."""
    parts = (dataset.train, dataset.test)
    labels = torch.cat([part.labels for part in parts])
    whole = Labelled(joined_images([part.images for part in parts]), labels, dataset.train.classes, joined_attributes(parts))
    groups = None
    if together:
        column = numbered(dataset, together)
        groups = torch.cat((column.train, column.test))
    kept = distinct(whole.images, whole.images[:0]).kept
    order = kept[torch.randperm(len(kept), generator=stream(0, f"entity-{entity}", "held out"))]
    test, rest = stratified_split(order, labels, len(order) // HELD_OUT, groups)
    if not len(test):
        apart = f" of at least 2 values of {together!r}" if together else ""
        raise DataError(f"{dataset.name}: wanted at least {HELD_OUT} different images{apart}, one of them to hold out, got {len(order)}")
    return _Parted(whole, rest, groups, whole.take(test))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
