"""Pseudo-boxes: what a detector already finds for sure in new images, where nobody has drawn a box."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.ops import box_iou

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import as_floats
from dpm_flower.training.detection import BACKGROUND, detections


@dataclass(frozen=True, slots=True, kw_only=True)
class PseudoBoxes:
    """Detections with a score of at least `confidence` count as true boxes, unless one overlaps a true box, of any class, by more than
    `overlap` (intersection over union). Raises SettingError for knobs that cannot work.
    """

    confidence: float = 0.7
    overlap: float = 0.3

    def __post_init__(self) -> None:
        if not 0 < self.confidence <= 1 or not 0 <= self.overlap < 1:
            raise SettingError(f"wanted confidence in (0, 1] and overlap in [0, 1), got {self.confidence} and {self.overlap}")

    def added(self, network: nn.Module, boxed: Boxed, compute: Compute) -> Boxed:
        """A whole detector and images with their true boxes -> the same images with those, and its own behind them."""
        boxes, labels = list[Tensor](), list[Tensor]()
        for found, true, kinds in zip(detections(network, as_floats(boxed.images), compute), boxed.boxes, boxed.labels, strict=True):
            new = (found["scores"] >= self.confidence) & (self._overlaps(found["boxes"], true) <= self.overlap)
            boxes.append(torch.cat([true, found["boxes"][new]]))
            labels.append(torch.cat([kinds, found["labels"][new] - BACKGROUND]))
        return Boxed(boxed.images, tuple(boxes), tuple(labels), boxed.class_names)

    def _overlaps(self, found_D4: Tensor, true_M4: Tensor) -> Tensor:
        """Boxes -> by how much each overlaps the true box that it overlaps most (D,)."""
        if not len(true_M4):
            return torch.zeros(len(found_D4))
        most: Tensor = box_iou(found_D4, true_M4).amax(1)
        return most
