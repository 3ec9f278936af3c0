"""What can leave an entity: a closed union. Whoever reads it answers for each kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor

from dpm_flower.core.labelled import Labels


@dataclass(frozen=True, slots=True, eq=False)
class SharedFeatures:
    """Features (B,C,h,w) in the space of the public decider, with labels (B,).

    `codec` names the image codec by which they are to be released (see core/codec_name.py): readers get what it leaves of them, see
    `payload.codec.as_received`. Empty: they leave as numbers, or have come through a codec already.
    """

    features: Tensor
    labels: Labels
    codec: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class SharedImages:
    """Images (B,C,H,W), bytes or floats in [0, 1] (see core/labelled.py), raw or made to be shared, with labels (B,)."""

    images: Tensor
    labels: Labels


@dataclass(frozen=True, slots=True, eq=False)
class SharedBoxes:
    """Features (B,C,h,w) in the space of a detector's decider; of each image its boxes (M_i,4), float32, and what is in them (M_i,), int64.

    Corners are those of `core.boxed.Boxed`, in pixels of the image; classes count from 0. It is not in the union below: whatever has a
    label for each sample cannot read it, and whoever can (a detector's decider) reads nothing else.
    """

    features: Tensor
    boxes: tuple[Tensor, ...]
    labels: tuple[Tensor, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SharedMasks:
    """Photographs (B,C,H,W), uint8, raw or made to be shared, each with a mask (B,1,H,W), uint8 of 0 and 1.

    It is not in the union below, as boxes are not: a mask is no label, and whoever learns from it (a segmenter) reads nothing else.
    """

    images: Tensor
    masks: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class ModelUpdate:
    """New values of a network's tensors after local training, and the number of images behind them."""

    tensors: Mapping[str, Tensor]
    samples: int


SharedBatch: TypeAlias = SharedFeatures | SharedImages | ModelUpdate
