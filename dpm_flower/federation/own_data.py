"""A site file's data section -> the images of a deployed entity: its own ones, and the public ones."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch

from dpm_flower.core.digest import tensors_digest
from dpm_flower.core.errors import DataError
from dpm_flower.core.labelled import Labelled, joined_attributes, joined_images
from dpm_flower.core.partition import Partition
from dpm_flower.core.study import Study
from dpm_flower.data.division import Division
from dpm_flower.data.own_images import OwnImages, own_images
from dpm_flower.data.sources import load
from dpm_flower.regime.site_file import DataPlace


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """The images that one entity works with, and what the attributes are called that they have, if any."""

    train: Labelled
    validation: Labelled
    test: Labelled
    public: Labelled
    attribute_names: tuple[str, ...] = ()


def part_of(division: Division, name: str) -> Pieces:
    """A study's divided images -> one entity's part of them."""
    own = division.entities[name]
    return Pieces(own.train, own.validation, division.test, division.public, division.attribute_names)


def own_digest(pieces: Pieces) -> str:
    """What an entity trains on, chooses on and is judged on -> SHA-256, hexadecimal, of images, labels and attributes in their order."""
    own = {"train": pieces.train, "validation": pieces.validation, "test": pieces.test}
    images = {f"{name} images": part.images for name, part in own.items()}
    attributes = {f"{name} attributes": part.attributes for name, part in own.items() if part.attributes is not None}
    return tensors_digest(images | {f"{name} labels": part.labels for name, part in own.items()} | attributes)


def brought(place: DataPlace, study: Study, name: str, seed: int, division: Callable[[], Division]) -> Pieces:
    """Where a site's images lie, and what it takes part in -> its own pieces, in the study's class numbers.

    `division`, the study's own data divided, is asked for public images where the site has none, and for the classes' names where
    the site does not say what it calls them. Raises DataError for images that cannot be read or are of another task.
    """
    if place.public and place.classes:
        classes, (public, known) = place.classes, _public(place.public, study.side)
    else:
        divided = _divided(place, division)
        classes = _called(place, divided.class_names)
        public, known = _public(place.public, study.side) if place.public else (divided.public, divided.attribute_names)
    own = _own(place.images, study.side, classes, study.partition, name, seed)
    if known != own.attribute_names:  # of others nobody could learn these
        public = Labelled(public.images, public.labels, public.classes)
    return Pieces(own.train, own.validation, own.test, public, own.attribute_names)


def _divided(place: DataPlace, division: Callable[[], Division]) -> Division:
    try:
        return division()
    except DataError as err:
        lacking = "classes" if place.public else "public and classes"
        raise DataError(f"{err}; a site file whose section data has {lacking} needs no data of the study's") from err


def _called(place: DataPlace, names: tuple[str, ...]) -> tuple[str, ...]:
    """What the site calls the study's classes. Raises DataError, with both, where these are not as many."""
    if place.classes and len(place.classes) != len(names):
        raise DataError(f"wanted a name for each of the study's classes, {', '.join(names)}, got {', '.join(place.classes)}")
    return place.classes or names


@functools.lru_cache(maxsize=4)  # as the division: a process answers several messages on images that never change
def _own(data: str, side: int, classes: tuple[str, ...], partition: Partition, name: str, seed: int) -> OwnImages:
    return own_images(load(data, side), classes, partition, name, seed)


@functools.lru_cache(maxsize=1)
def _public(data: str, side: int) -> tuple[Labelled, tuple[str, ...]]:
    """The training images of a source, all of them where the test images were only held out here, and their attributes' names."""
    dataset = load(data, side)
    if dataset.held_out_by is None:
        return dataset.train, dataset.attribute_names
    parts = (dataset.train, dataset.test)
    labels = torch.cat([part.labels for part in parts])
    whole = Labelled(joined_images([part.images for part in parts]), labels, dataset.train.classes, joined_attributes(parts))
    return whole, dataset.attribute_names
