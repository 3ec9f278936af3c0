"""A U-Net that learns from patches and is asked about whole photographs: what trials of segmentation have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from dpm_flower.core.comparison import Ground
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.streams import global_generator_from
from dpm_flower.data.masks import Masked
from dpm_flower.metrics.segmentation import best_threshold, f1, pixel_auc
from dpm_flower.nets.unet import UNet
from dpm_flower.training.segmentation import segmented, train_segmenter


class MaskedPairs(Protocol):
    """Photographs (N,3,H,W) and their masks (N,1,H,W) of 0 and 1, both uint8: own ones, or what was released."""

    @property
    def images(self) -> Tensor:
        """The photographs."""
        ...

    @property
    def masks(self) -> Tensor:
        """The masks."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmenterRecipe:
    """Width of the U-Net, how long it learns, and what Dice weighs in its loss."""

    width: int
    fitting: Fitting
    dice: float

    def fresh(self, rng: torch.Generator) -> UNet:
        """A U-Net that has learnt nothing, its weights from the stream."""
        with global_generator_from(rng):
            return UNet(3, 1, width=self.width)

    def trained(self, parts: Sequence[MaskedPairs], ground: Ground) -> UNet:
        """Several sets of pairs -> a U-Net that has learnt from all of them; its start and its batches are the same for all trials."""
        rng = ground.stream("segmenter")
        segmenter = self.fresh(rng)
        train_segmenter(
            segmenter,
            torch.cat([part.images for part in parts]),
            torch.cat([part.masks for part in parts]),
            self.fitting,
            compute=ground.compute,
            rng=rng,
            dice=self.dice,
            report=ground.report,
        )
        return segmenter


def judged(segmenter: UNet, held_out: Masked, test: Masked, ground: Ground) -> dict[str, float]:
    """A segmenter, whole photographs that give the threshold, and test ones -> F1 and AUC inside the field of view of the latter."""
    threshold = best_threshold(segmented(segmenter, held_out.images, ground.compute), held_out.masks, held_out.inside)
    said = segmented(segmenter, test.images, ground.compute)
    return {
        "f1": f1(said, test.masks, threshold, test.inside),
        "auc": pixel_auc(said, test.masks, test.inside),
        "threshold": threshold,
    }


def parted(training: Masked, held_out: float, ground: Ground) -> tuple[Masked, Masked]:
    """Training pictures -> those to learn from, and of each data set the share that is held out, at least one."""
    order = torch.randperm(len(training), generator=ground.stream("held out"))
    apart = [
        rows[: max(1, round(held_out * len(rows)))]
        for each in torch.unique(training.source)
        for rows in [order[training.source[order] == each]]
    ]
    out = torch.zeros(len(training), dtype=torch.bool).index_fill_(0, torch.cat(apart), True)
    if bool(out.all()):
        raise SettingError(f"wanted training pictures that are not held out, got {len(training)}, all of them held out")
    return training.take((~out).nonzero().flatten()), training.take(out.nonzero().flatten())


def grey(masks_N1HW: Tensor) -> Tensor:
    """Masks of 0 and 1 -> pictures (N,3,H,W), floats."""
    return masks_N1HW.float().expand(-1, 3, -1, -1)
