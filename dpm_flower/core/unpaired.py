"""Sharing methods whose releases are made up, and so stand for classes of own images instead of one image each."""

from typing import Literal, Protocol, runtime_checkable

import torch
from torch import Tensor

from dpm_flower.core.labelled import Labels
from dpm_flower.core.protocols import SharingMethod
from dpm_flower.core.shared import ModelUpdate, SharedBatch


@runtime_checkable
class Unpaired(Protocol):
    """What a sharing method may be besides: one whose releases are made up, so that no part of one was made of one own image."""

    @property
    def unpaired(self) -> Literal[True]:
        """The i-th of what is released tells no more of the i-th own image than of others: whoever judges it must not pair them."""
        ...


def is_unpaired(method: SharingMethod) -> bool:
    """Whether a method's releases are made up, so that their order says nothing about that of the own images."""
    return isinstance(method, Unpaired)


def images_behind(method: SharingMethod, labels_N: Labels, batch: SharedBatch) -> Tensor:
    """Indices (n,) of the own images that a batch stands for: all of them, or for an unpaired method those of the classes it releases."""
    everybody = torch.arange(len(labels_N))
    return everybody if isinstance(batch, ModelUpdate) or not is_unpaired(method) else everybody[torch.isin(labels_N, batch.labels)]
