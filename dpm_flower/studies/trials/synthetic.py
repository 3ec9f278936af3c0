"""A segmenter trained on real or synthetic photographs with masks, and tested on real ones that nobody has trained on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import torch
from torch import Tensor

from dpm_flower.core.comparison import Found, Ground
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_floats
from dpm_flower.core.streams import global_generator_from
from dpm_flower.data.masks import Masked, load_masks
from dpm_flower.metrics.copying import copying, membership, nearest, standardised
from dpm_flower.metrics.segmentation import best_threshold, f1, pixel_auc
from dpm_flower.nets.unet import UNet
from dpm_flower.studies.trials.synthetic_pairs import DUAL_GAN, PairMaker
from dpm_flower.training.segmentation import segmented, train_segmenter
from dpm_flower.training.turning import all_ways

Pairs: TypeAlias = Literal["real", "synthetic", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segmenting:
    """A U-Net learns from patches of `patch` pixels of pictures of `side` pixels, for as many steps whatever it learns from.

    `pairs` says what it learns from: the real patches, as many synthetic ones, or both. A share `held_out` of each data set's training
    pictures gives the threshold, and the baseline of copying. Raises SettingError for knobs that cannot work.
    """

    name: str
    pairs: Pairs
    side: int = 256
    patch: int = 32
    held_out: float = 0.2
    width: int = 12
    dice: float = 0.0
    maker: PairMaker = DUAL_GAN
    fitting: Fitting = Fitting(steps=1000, learning_rate=1e-2, batch_size=16)
    shown: int = 10

    def __post_init__(self) -> None:
        if self.pairs not in get_args(Pairs):
            raise SettingError(f"pairs must be one of {', '.join(get_args(Pairs))}, got {self.pairs!r}")
        if not 0 < self.held_out < 1 or self.shown < 1 or not 1 <= self.patch <= self.side:
            raise SettingError(f"wanted 0 < held_out < 1, shown of at least 1 and a patch within the side, got {self}")

    def run(self, ground: Ground) -> Found:
        """Everything from the archive to F1 and AUC on the test pictures, and for synthetic patches how near they are to real ones."""
        sets = load_masks(Path(ground.data))
        chosen, kept = _parted(sets.train.resized(self.side), self.held_out, ground)
        real, test = chosen.patches(self.patch), sets.test.resized(self.side)
        made = None if self.pairs == "real" else self.maker.made(real, len(real), ground)
        parts = [part for part, wanted in ((real, self.pairs != "synthetic"), (made, True)) if part is not None and wanted]
        segmenter = self._segmenter(parts, ground)
        validated = segmented(segmenter, kept.images, ground.compute)
        threshold = best_threshold(validated, kept.masks, kept.inside)
        said = segmented(segmenter, test.images, ground.compute)
        figures = {
            "f1": f1(said, test.masks, threshold, test.inside),
            "auc": pixel_auc(said, test.masks, test.inside),
            "threshold": threshold,
            "trained_on": float(sum(map(len, parts))),
        }
        pictures = {"real photographs": as_floats(real.images[: self.shown]), "real masks": _grey(real.masks[: self.shown])}
        if made is not None:
            figures |= _copied(made, real, kept.patches(self.patch))
            pictures |= {"synthetic masks": _grey(made.masks[: self.shown]), "synthetic photographs": as_floats(made.images[: self.shown])}
        return Found(figures, pictures)

    def _segmenter(self, parts: list[Masked], ground: Ground) -> UNet:
        rng = ground.stream("segmenter")
        with global_generator_from(rng):
            segmenter = UNet(3, 1, width=self.width)
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


def _parted(training: Masked, held_out: float, ground: Ground) -> tuple[Masked, Masked]:
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


def _copied(made: Masked, real: Masked, kept: Masked) -> dict[str, float]:
    """Synthetic patches, those that they were learnt from, and held-out ones -> how near the first are to the second, in any way laid.

    Whatever their tint: it is drawn for each made photograph, so that a copy has nearly always another.
    """
    figures = dict[str, float]()
    for what, synthetic, training, others in (
        ("photograph", made.images, real.images, kept.images),
        ("mask", made.masks.float(), real.masks.float(), kept.masks.float()),
    ):
        known, made_up, new = (standardised(images, by_channel=True) for images in (training, synthetic, others))
        laid, laid_made_up = all_ways(known), all_ways(made_up)
        found = copying(nearest(made_up, laid).distances, nearest(new, laid).distances)
        told = membership(nearest(known, laid_made_up).distances, nearest(new, laid_made_up).distances)
        figures |= {f"{what}_{key}": value for key, value in (found.figures | told).items()}
    return figures


def _grey(masks_N1HW: Tensor) -> Tensor:
    return masks_N1HW.float().expand(-1, 3, -1, -1)
