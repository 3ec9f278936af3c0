"""A data set and a partition -> the public images and what each entity holds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dpm_flower.core.errors import PartitionError
from dpm_flower.core.labelled import Labelled, Labels
from dpm_flower.core.partition import LEAST_HELD, Dealt, Partition, Shares
from dpm_flower.core.streams import stream
from dpm_flower.data.dataset import DataSet
from dpm_flower.data.gathered import Gathered
from dpm_flower.data.holdings import Holding, Piece, Summary
from dpm_flower.data.partition_columns import numbered
from dpm_flower.data.partition_deal import deal_out
from dpm_flower.data.partition_pieces import EntityIndices, EntityPieces
from dpm_flower.data.partition_public import public_and_private, public_and_private_classes
from dpm_flower.data.repeats import distinct_in
from dpm_flower.data.stratified import apportion, stratified_split

LEAST_TRAIN = LEAST_HELD - 1


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """Public images, every entity's own in the order of the partition, the common test images, the private task's class names, and
    the names of the attributes that all these images have, if any.

    Images are gathered when they are asked for: an entity's anew each time that `entities` is asked for them (ask once, and keep what
    is needed), the public ones once (see data/gathered.py), and so are the test images where they are not all of the data set's.
    """

    public: Labelled
    entities: EntityPieces
    test: Labelled
    class_names: tuple[str, ...]
    summary: Summary
    attribute_names: tuple[str, ...] = ()


def divide(dataset: DataSet, partition: Partition, seed: int) -> Division:
    """A data set, a partition and a study's seed -> pieces of which no two hold the same image or values that stay together.

    No image occurs twice among the pieces, neither by index nor by content. Training images that the test set holds too are left
    out, and so are those of a value of `partition.together` that the test set holds. With public classes, the private task is
    relabelled 0..K-1 over the other classes, and so are the public images over theirs, both in ascending order of their old
    numbers. Public images depend on the seed and on the settings `public`, `public_classes` and `together` alone. Raises
    PartitionError where a piece would be too small to be of use, for columns and classes that do not exist, for public classes where
    the data set brings its own, and for `together` where the test set was held out by something else.
    """
    labels = dataset.train.labels
    partition = _with_public_classes(dataset, partition)
    public_classes, classes = public_and_private_classes(dataset, partition)
    unique = distinct_in(dataset)
    groups, kept = kept_together(dataset, partition.together, unique.kept)
    order = kept[torch.randperm(len(kept), generator=stream(seed, "division"))]
    sides = public_and_private(order, labels, classes, partition, groups)
    if isinstance(partition, Shares):
        whole, unused = _by_shares(sides.private, labels, partition, groups)
    else:
        whole, unused = _dealt(sides.private, dataset, partition, groups, seed)
    held = {name: with_validation(name, own, labels, partition, groups) for name, own in whole.items()}
    test = torch.isin(dataset.test.labels, classes).nonzero().flatten()
    if not len(test):
        raise PartitionError(f"wanted test images of the private classes, got none among {len(dataset.test)} test images")
    return Division(
        public=Gathered(dataset.train, sides.public, public_classes),
        entities=EntityPieces(dataset.train, classes, held),
        test=Gathered(dataset.test, test, classes) if partition.public_classes else dataset.test,
        class_names=tuple(dataset.class_names[number] for number in classes.tolist()),
        summary=Summary(
            class_names=dataset.class_names,
            holdings=_holdings(dataset, sides.public, held, torch.cat((sides.unused, unused)), test),
            repeats_in_train=unique.repeats_in_train,
            repeats_of_test=unique.repeats_of_test,
            together_with_test=len(unique.kept) - len(kept),
            notes=dataset.notes,
        ),
        attribute_names=dataset.attribute_names,
    )


def _with_public_classes(dataset: DataSet, partition: Partition) -> Partition:
    """The partition, with the public classes that the data set brings, if any."""
    if not dataset.public_classes:
        return partition
    if partition.public_classes:
        raise PartitionError(
            f"wanted no public classes of {dataset.name}, whose public images are of another data set, got {partition.public_classes}"
        )
    return replace(partition, public_classes=dataset.public_classes)


def kept_together(dataset: DataSet, together: str, kept: Tensor) -> tuple[Tensor | None, Tensor]:
    """Indices (M,) -> the group of every training image (N,), and the indices whose group has no test image."""
    if not together:
        return None, kept
    column = numbered(dataset, together)
    if dataset.held_out_by not in (None, together):
        how = f"by whole values of {dataset.held_out_by!r}" if dataset.held_out_by else "image by image"
        raise PartitionError(
            f"{dataset.name}: wanted a test set that shares no value of {together!r} with the training images, got one that was held out "
            f'{how}; write the data as "FOLDER?apart={together}"'
        )
    apart = kept[~torch.isin(column.train[kept], column.test)]
    if not len(apart):
        raise PartitionError(f"wanted training images whose {together!r} the test set does not hold, got none of {len(kept)}")
    return column.train, apart


def _by_shares(private: Tensor, labels: Labels, shares: Shares, groups: Tensor | None) -> tuple[dict[str, Tensor], Tensor]:
    """Private indices (M,) -> those of each entity, and those that nobody holds."""
    if len(shares.entities) > len(private):
        raise PartitionError(f"wanted at least one private image for each of {len(shares.entities)} entities, got {len(private)}")
    parts = [share for _, share in shares.entities]
    counts = apportion(len(private), (*parts, max(0.0, 1.0 - sum(parts))))
    held: dict[str, Tensor] = {}
    rest, wanted = private, 0
    for (name, share), count in zip(shares.entities, counts, strict=False):  # the last count is what nobody holds
        if count <= LEAST_TRAIN:
            raise PartitionError(
                f"entity {name!r}: wanted at least {LEAST_TRAIN} images to train on and 1 to validate on, "
                f"got {count}: its share is {share:g} of {len(private)} private images"
            )
        wanted += count
        due = wanted - (len(private) - len(rest))  # whole groups give a little more or less, which the next entity makes up for
        held[name], rest = stratified_split(rest, labels, min(max(due, 0), len(rest)), groups)
    return held, rest


def _dealt(private: Tensor, dataset: DataSet, partition: Dealt, groups: Tensor | None, seed: int) -> tuple[dict[str, Tensor], Tensor]:
    """Private indices (M,) -> those of each entity, and those that nobody holds."""
    count = apportion(len(private), (partition.private, 1.0 - partition.private))[0]
    dealt, kept_back = stratified_split(private, dataset.train.labels, count, groups)
    hands, left = deal_out(dealt, dataset, partition, groups, seed)
    return dict(zip(partition.names, hands, strict=True)), torch.cat((kept_back, left))


def with_validation(name: str, own: Tensor, labels: Labels, partition: Partition, groups: Tensor | None) -> EntityIndices:
    """One entity's indices (M,) -> those to train and those to validate on.

    Entities by share want two classes at least, since they have the class mix of the whole; dealt ones may be meant to have one.
    """
    share, most = partition.validation, max(0, len(own) - LEAST_TRAIN)
    wanted = min(max(1, apportion(len(own), (share, 1.0 - share))[0]), most)
    validation, training = stratified_split(own, labels, wanted, groups)
    if not len(validation) or len(training) < LEAST_TRAIN:
        apart = f", no value of {partition.together!r} in both" if partition.together else ""
        raise PartitionError(
            f"entity {name!r}: wanted at least {LEAST_TRAIN} images to train on and 1 to validate on{apart}, "
            f"got {len(training)} and {len(validation)}"
        )
    present = len(torch.unique(labels[training]))
    if isinstance(partition, Shares) and present < 2:
        raise PartitionError(f"entity {name!r}: wanted training images of at least 2 classes, got {present} among {len(training)} images")
    return EntityIndices(training, validation)


def _holdings(dataset: DataSet, public: Tensor, held: Mapping[str, EntityIndices], unused: Tensor, test: Tensor) -> tuple[Holding, ...]:
    def row(piece: Piece, entity: str, labels: Labels) -> Holding:
        return Holding(piece, entity, tuple(torch.bincount(labels, minlength=len(dataset.class_names)).tolist()))

    labels = dataset.train.labels
    rows = [row("public", "", labels[public])]
    for name, own in held.items():
        rows += [row("train", name, labels[own.train]), row("validation", name, labels[own.validation])]
    return (*rows, row("unused", "", labels[unused]), row("test", "", dataset.test.labels[test]))
