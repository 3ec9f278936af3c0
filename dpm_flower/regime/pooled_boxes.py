"""What a site refines a detector's decider on: a day's own features, and kept ones, each with the boxes in its image."""

from collections.abc import Iterable
from pathlib import Path
from typing import Self

import torch

from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.core.shared import SharedBoxes
from dpm_flower.training.detection import BoxedExamples
from dpm_flower.training.row_store import Joined, RowStore


class PooledBoxes:
    """Own features in memory, kept ones in a file: memory is that of one shard of a release, however many days there are. Boxes are small.

    A context manager; what it pooled is gone after its block. `path` says in which folder the file lies.
    """

    def __init__(self, own: BoxedExamples, spec: FeatureSpec, path: Path) -> None:
        self._own = own
        self._boxes, self._labels = list(own.boxes), list(own.labels)
        self._kept = RowStore(path, spec.shape, getattr(torch, spec.dtype))

    def take(self, batches: Iterable[SharedBoxes]) -> None:
        """Adds the batches of one release: all of them or, where anything raises, none."""
        rows, pieces = len(self._kept), len(self._boxes)
        try:
            for batch in batches:
                self._kept.append(batch.features.to(self._kept.dtype))
                self._boxes.extend(batch.boxes)
                self._labels.extend(batch.labels)
        except BaseException:
            self._kept.keep_first(rows)
            del self._boxes[pieces:], self._labels[pieces:]
            raise

    @property
    def examples(self) -> BoxedExamples:
        """Own features and all that was taken, in that order."""
        return BoxedExamples(Joined((self._own.inputs, self._kept)), tuple(self._boxes), tuple(self._labels))

    def __enter__(self) -> Self:
        self._kept.__enter__()
        return self

    def __exit__(self, *told: object) -> None:
        self._kept.__exit__(None, None, None)
