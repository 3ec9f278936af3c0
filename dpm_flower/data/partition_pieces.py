"""The entities' pieces of a division: lists of indices, whose images are gathered when somebody asks for them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.labelled import Labelled
from dpm_flower.data.gathered import Gathered


@dataclass(frozen=True, slots=True, eq=False)
class EntityImages:
    """One entity's own images: those it trains on and releases, and those on which it only chooses."""

    train: Labelled
    validation: Labelled


@dataclass(frozen=True, slots=True, eq=False)
class EntityIndices:
    """Where an entity's images are among all training images."""

    train: Tensor
    validation: Tensor


class EntityPieces(Mapping[str, EntityImages]):
    """Entities by name, in the order of their partition numbers -> their images, each time a new copy.

    Only the indices are kept: a process that works for a hundred entities holds the images of those that it works for.
    """

    def __init__(self, source: Labelled, classes: Tensor, indices: Mapping[str, EntityIndices]) -> None:
        self._source, self._classes = source, classes
        self.indices = indices

    def __getitem__(self, name: str) -> EntityImages:
        own = self.indices[name]
        return EntityImages(piece(self._source, own.train, self._classes), piece(self._source, own.validation, self._classes))

    def largest_but(self, name: str) -> Labelled | None:
        """What the entity with the most images to train on but this one trains on, gathered when asked for; None if there is no other."""
        others = [own.train for other, own in self.indices.items() if other != name]
        return Gathered(self._source, max(others, key=len), self._classes) if others else None

    def __iter__(self) -> Iterator[str]:
        return iter(self.indices)

    def __len__(self) -> int:
        return len(self.indices)

    def __contains__(self, name: object) -> bool:
        return name in self.indices  # Mapping's own would gather the images to find out


def piece(source: Labelled, indices: Tensor, classes: Tensor) -> Labelled:
    """The images at `indices` (M,), with class numbers that count through `classes` (K,), which are ascending."""
    labels = torch.searchsorted(classes, source.labels[indices])
    return Labelled(source.images[indices], labels, len(classes), source.attributes_at(indices))
