"""What is kept of single images within a budget of bytes: features as numbers or in a codec, or images, with their class numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from dpm_flower.core.errors import SettingError, TrainingError
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages
from dpm_flower.payload.feature_codec import BOUNDS_BYTES, Coded, coded, decoded
from dpm_flower.payload.released_values import released_features

NUMBERS_BYTES = 16  # of an image: its class number and its number of arrival, by which it can be found again


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """Of one image: features (C,h,w) as float16 or coded, or the image (C,H,W) as bytes."""

    value: Tensor | Coded
    label: int
    arrival: int

    @property
    def size_bytes(self) -> int:
        if isinstance(self.value, Tensor):
            return self.value.nbytes + NUMBERS_BYTES
        return sum(map(len, self.value.pictures)) + BOUNDS_BYTES * len(self.value.bounds.low) + NUMBERS_BYTES


@dataclass(slots=True, eq=False)
class Memory:
    """Rows of one kind and shape. Over the budget, one of the class that has most goes, at random, until it is met; None: no budget.

    Each row is coded by itself, so that any of them can go without the others being coded again. Raises SettingError for a budget
    below 1 byte.
    """

    budget_bytes: int | None
    rng: torch.Generator
    size_bytes: int = 0
    _rows: list[_Row] = field(default_factory=list)
    _codec: str = ""
    _shape: tuple[int, int, int] = (0, 0, 0)

    def __post_init__(self) -> None:
        if self.budget_bytes is not None and self.budget_bytes < 1:
            raise SettingError(f"a budget is at least 1 byte or None, got {self.budget_bytes}")

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, batch: SharedBatch, arrivals_N: Tensor) -> None:
        """What is to be kept of N images, with their numbers of arrival; features lose digits as in a release.

        Raises TrainingError for a model update, which is made of no single image, and for another kind, shape or codec than is kept
        already; ReleaseError for features that are not finite or too large for float16.
        """
        if isinstance(batch, ModelUpdate):
            raise TrainingError("wanted features or images to keep, got a model update")
        kind = _kind(batch)
        if self._rows and kind != (self._codec, self._shape):
            raise TrainingError(f"wanted more of codec and shape {(self._codec, self._shape)}, got {kind}")
        self._codec, self._shape = kind
        for value, label, arrival in zip(_values(batch), batch.labels.tolist(), arrivals_N.tolist(), strict=True):
            row = _Row(value, label, arrival)
            self._rows.append(row)
            self.size_bytes += row.size_bytes
        while self.budget_bytes is not None and self.size_bytes > self.budget_bytes:
            self._drop_one()

    @property
    def arrivals(self) -> Tensor:
        """The numbers of arrival (n,) of what is kept."""
        return torch.tensor([row.arrival for row in self._rows], dtype=torch.int64)

    def shared(self) -> SharedFeatures | SharedImages | None:
        """All that is kept, as whoever reads it gets it: features as float32 with the digits that were kept, images as bytes."""
        if not self._rows:
            return None
        labels = torch.tensor([row.label for row in self._rows], dtype=torch.int64)
        if self._codec:
            values = [decoded(row.value, 1, self._shape, self._codec) for row in self._rows if isinstance(row.value, Coded)]
            return SharedFeatures(torch.from_numpy(np.concatenate(values)), labels)
        plain = torch.stack([row.value for row in self._rows if isinstance(row.value, Tensor)])
        return SharedFeatures(plain.float(), labels) if plain.is_floating_point() else SharedImages(plain, labels)

    def _drop_one(self) -> None:
        """Forgets one of the class that has most, at random."""
        labels = torch.tensor([row.label for row in self._rows])
        most = (labels == torch.bincount(labels).argmax()).nonzero().flatten()
        gone = self._rows.pop(int(most[torch.randint(len(most), (1,), generator=self.rng)]))
        self.size_bytes -= gone.size_bytes


def _kind(batch: SharedFeatures | SharedImages) -> tuple[str, tuple[int, int, int]]:
    """The codec and the shape of each."""
    values = batch.features if isinstance(batch, SharedFeatures) else batch.images
    channels, height, width = values.shape[1:]
    return batch.codec if isinstance(batch, SharedFeatures) else "", (channels, height, width)


def _values(batch: SharedFeatures | SharedImages) -> Sequence[Tensor | Coded]:
    """What is kept of each image; copies, so that no row holds on to a whole day."""
    if isinstance(batch, SharedImages):
        if batch.images.dtype != torch.uint8:
            raise TrainingError(f"images are kept as bytes, got {batch.images.dtype}")
        return [image.clone() for image in batch.images]
    released = released_features(batch.features.detach(), "float16")
    checked = released.floats(0, len(batch.features))  # finite, and within float16
    if batch.codec:
        return [coded(checked[place : place + 1], batch.codec) for place in range(len(checked))]
    return [features.clone() for features in torch.from_numpy(checked).half()]
