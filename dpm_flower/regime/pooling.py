"""What an entity trains on: its own images or features together with those that it received."""

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
    """Own features in memory, received ones in a file: memory is that of one release, however many peers there are.

    A context manager; what it pooled is gone after its block. Received features are kept in the type in which they are released.
    """

    def __init__(self, task: EntityTask, net: SplitNet, owner: str) -> None:
        self._own = task.features(net)(task.train.images)
        self._labels = [task.train.labels]
        self._received = RowStore(task.site.pooled(task.campaign, owner), net.spec.shape, getattr(torch, net.spec.dtype))

    def take(self, batch: SharedBatch) -> None:
        """Adds a received batch. Raises ReleaseError for what a decider cannot be refined on."""
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

    def take(self, batch: SharedBatch) -> None:
        """Adds a received batch. Raises ReleaseError for what a network cannot be trained on."""
        match batch:
            case SharedImages(images=images, labels=labels):
                self._images.append(images)
                self._labels.append(labels)
            case SharedFeatures() | ModelUpdate():
                raise ReleaseError(f"a network is trained on images, got {type(batch).__name__}")

    @property
    def examples(self) -> Examples:
        """Own images and all that was taken, in that order."""
        own = self.task.train
        return Examples(joined_images([own.images, *self._images]), torch.cat([own.labels, *self._labels]))
