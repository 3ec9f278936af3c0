"""What an entity trains on: its own images or features together with those that it received."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

import torch
from torch import Tensor

from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.labelled import joined_images
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages
from dpm_flower.core.split_net import SplitNet
from dpm_flower.regime.task import EntityTask
from dpm_flower.training.row_store import Joined, Rows, RowStore
from dpm_flower.training.supervised import Examples


class PooledFeatures:
    """Own features in memory, received ones in a file: memory is that of one batch of a release, however many peers there are.

    A context manager; what it pooled is gone after its block. Received features are kept in the type in which they are released.
    """

    def __init__(self, task: EntityTask, net: SplitNet, owner: str) -> None:
        self._own = task.features(net)(task.train.images)
        self._labels = [task.train.labels]
        self._received = RowStore(task.site.pooled(task.campaign, owner), net.spec.shape, getattr(torch, net.spec.dtype))

    def take(self, batches: Iterable[SharedBatch]) -> None:
        """Adds the batches of one release: all of them or, where anything raises, none.

        Raises ReleaseError for what a decider cannot be refined on, and what `batches` raises.
        """
        rows, pieces = len(self._received), len(self._labels)
        try:
            for batch in batches:
                self._add(batch)
        except BaseException:
            self._received.keep_first(rows)
            del self._labels[pieces:]
            raise

    def _add(self, batch: SharedBatch) -> None:
        match batch:
            case SharedFeatures(features=features, labels=labels):
                self._received.append(features.to(self._received.dtype))
                self._labels.append(labels)
            case SharedImages() | ModelUpdate():
                raise ReleaseError(f"a decider is refined on features, got {type(batch).__name__}")

    @property
    def examples(self) -> Examples:
        """Own features and all that was taken, in that order."""
        parts: tuple[Rows, ...] = (self._own, self._received)
        return Examples(Joined(parts), torch.cat(self._labels))

    def __enter__(self) -> Self:
        self._received.__enter__()
        return self

    def __exit__(self, *told: object) -> None:
        self._received.__exit__(None, None, None)


@dataclass(slots=True, eq=False)
class PooledImages:
    """Own images and received ones, in memory: images are small beside features."""

    task: EntityTask
    _images: list[Tensor] = field(default_factory=list)
    _labels: list[Tensor] = field(default_factory=list)

    def take(self, batches: Iterable[SharedBatch]) -> None:
        """Adds the batches of one release: all of them or, where anything raises, none.

        Raises ReleaseError for what a network cannot be trained on, and what `batches` raises.
        """
        found = [_images_of(batch) for batch in batches]
        self._images += [batch.images for batch in found]
        self._labels += [batch.labels for batch in found]

    @property
    def examples(self) -> Examples:
        """Own images and all that was taken, in that order."""
        own = self.task.train
        return Examples(joined_images([own.images, *self._images]), torch.cat([own.labels, *self._labels]))


def _images_of(batch: SharedBatch) -> SharedImages:
    match batch:
        case SharedImages():
            return batch
        case SharedFeatures() | ModelUpdate():
            raise ReleaseError(f"a network is trained on images, got {type(batch).__name__}")
