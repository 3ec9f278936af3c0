"""A data set and shares -> the public images and what each entity holds."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.errors import PartitionError
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.partition import Shares
from dpm_flower.core.streams import stream
from dpm_flower.data.dataset import DataSet
from dpm_flower.data.holdings import Holding, Piece, Summary
from dpm_flower.data.repeats import distinct
from dpm_flower.data.stratified import apportion, stratified_split

LEAST_TRAIN = 2  # images: batch statistics need two


@dataclass(frozen=True, slots=True, eq=False)
class EntityImages:
    """One entity's own images: those it trains on and releases, and those on which it only chooses."""

    train: Labelled
    validation: Labelled


@dataclass(frozen=True, slots=True, eq=False)
class Division:
    """Public images, every entity's own in the order of the shares, the common test images, the private task's class names."""

    public: Labelled
    entities: dict[str, EntityImages]
    test: Labelled
    class_names: tuple[str, ...]
    summary: Summary


def divide(dataset: DataSet, shares: Shares, seed: int) -> Division:
    """A data set, the shares and a study's seed -> pieces of which no two hold the same image, each with the class mix of the whole.

    No image occurs twice among the pieces, neither by index nor by content; training images that the test set holds too
    are left out. With public classes, the private task is relabelled 0..K-1 over the other classes, and so are the public images
    over theirs, both in ascending order of their old numbers. Public images depend on the seed and on `shares.public` or
    `shares.public_classes` alone. Raises PartitionError where a piece would be too small to be of use.
    """
    classes = _private_classes(dataset, shares)
    unique = distinct(dataset.train.images, dataset.test.images)
    order = unique.kept[torch.randperm(len(unique.kept), generator=stream(seed, "division"))]
    public, private = _public_and_private(order, dataset.train, classes, shares)
    held, unused = _held(private, dataset.train, shares)
    test = torch.isin(dataset.test.labels, classes).nonzero().flatten()
    if not len(test):
        raise PartitionError(f"wanted test images of the private classes, got none among {len(dataset.test)} test images")
    public_classes = torch.tensor(sorted(shares.public_classes)) if shares.public_classes else classes
    return Division(
        public=_piece(dataset.train, public, public_classes),
        entities={
            name: EntityImages(_piece(dataset.train, train, classes), _piece(dataset.train, validation, classes))
            for name, (train, validation) in held.items()
        },
        test=_piece(dataset.test, test, classes) if shares.public_classes else dataset.test,
        class_names=tuple(dataset.class_names[number] for number in classes.tolist()),
        summary=Summary(
            class_names=dataset.class_names,
            holdings=_holdings(dataset, public, held, unused, test),
            repeats_in_train=unique.repeats_in_train,
            repeats_of_test=unique.repeats_of_test,
        ),
    )


def _private_classes(dataset: DataSet, shares: Shares) -> Tensor:
    """The class numbers (K,) that the private task keeps, ascending."""
    count, public = dataset.train.classes, shares.public_classes
    if len(set(public)) != len(public) or any(not 0 <= number < count for number in public):
        raise PartitionError(f"public classes must be different numbers in [0, {count}), the classes of {dataset.name}, got {public}")
    private = [number for number in range(count) if number not in public]
    if len(private) < 2:
        raise PartitionError(f"wanted at least 2 private classes, got {len(private)}: {len(public)} of {count} classes are public")
    return torch.tensor(private)


def _public_and_private(order: Tensor, train: Labelled, classes: Tensor, shares: Shares) -> tuple[Tensor, Tensor]:
    """Shuffled indices (M,) -> those of the public images, those of the private ones."""
    if shares.public_classes:
        is_private = torch.isin(train.labels[order], classes)
        public, private = order[~is_private], order[is_private]
    else:
        count = apportion(len(order), (shares.public, 1.0 - shares.public))[0]
        public, private = stratified_split(order, train.labels, count)
    if not len(public):
        raise PartitionError(f"wanted at least 1 public image, got none of {len(order)} different training images")
    return public, private


def _held(private: Tensor, train: Labelled, shares: Shares) -> tuple[dict[str, tuple[Tensor, Tensor]], Tensor]:
    """Private indices (M,) -> for each entity those to train and to validate on, and those that nobody holds."""
    if len(shares.entities) > len(private):
        raise PartitionError(f"wanted at least one private image for each of {len(shares.entities)} entities, got {len(private)}")
    parts = [share for _, share in shares.entities]
    counts = apportion(len(private), (*parts, max(0.0, 1.0 - sum(parts))))
    held: dict[str, tuple[Tensor, Tensor]] = {}
    rest = private
    for (name, share), count in zip(shares.entities, counts, strict=False):  # the last count is what nobody holds
        if count <= LEAST_TRAIN:
            raise PartitionError(
                f"entity {name!r}: wanted at least {LEAST_TRAIN} images to train on and 1 to validate on, "
                f"got {count}: its share is {share:g} of {len(private)} private images"
            )
        own, rest = stratified_split(rest, train.labels, count)
        validating = min(max(1, apportion(count, (shares.validation, 1.0 - shares.validation))[0]), count - LEAST_TRAIN)
        validation, training = stratified_split(own, train.labels, validating)
        if (present := len(torch.unique(train.labels[training]))) < 2:
            raise PartitionError(
                f"entity {name!r}: wanted training images of at least 2 classes, got {present} among {len(training)} images"
            )
        held[name] = (training, validation)
    return held, rest


def _piece(source: Labelled, indices: Tensor, classes: Tensor) -> Labelled:
    """The images at `indices` (M,), with class numbers that count through `classes` (K,), which are ascending."""
    return Labelled(source.images[indices], torch.searchsorted(classes, source.labels[indices]), len(classes))


def _holdings(
    dataset: DataSet, public: Tensor, held: dict[str, tuple[Tensor, Tensor]], unused: Tensor, test: Tensor
) -> tuple[Holding, ...]:
    def row(piece: Piece, entity: str, labels: Tensor) -> Holding:
        return Holding(piece, entity, tuple(torch.bincount(labels, minlength=len(dataset.class_names)).tolist()))

    labels = dataset.train.labels
    rows = [row("public", "", labels[public])]
    for name, (training, validation) in held.items():
        rows += [row("train", name, labels[training]), row("validation", name, labels[validation])]
    return (*rows, row("unused", "", labels[unused]), row("test", "", dataset.test.labels[test]))
