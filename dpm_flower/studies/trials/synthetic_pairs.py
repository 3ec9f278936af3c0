"""Synthetic photographs with masks, made once for all trials under a seed."""

import hashlib
from collections.abc import Callable

import torch
from torch import nn

from dpm_flower.attacks.kept_weights import trained_once
from dpm_flower.core.comparison import Ground
from dpm_flower.data.masks import Masked
from dpm_flower.methods.dual_gan import PairMaker


def made_once(maker: PairMaker, real: Masked, count: int, ground: Ground) -> Masked:
    """Real square photographs with masks, and how many are wanted -> synthetic ones, of no data set in particular (0)."""

    def once(stage: str, network: nn.Module, train: Callable[[], object]) -> None:
        trained_once(network, ground.common / _folder(maker, stage, real), lambda _: train(), ground.compute)

    made = maker.learnt(
        real,
        compute=ground.compute,
        of_masks=ground.stream("masks"),
        of_photographs=ground.stream("photographs"),
        report=ground.report,
        once=once,
    )
    photographs, masks = made.drawn(count, of_masks=ground.stream("drawn masks"), of_tints=ground.stream("tints"))
    return Masked(photographs, masks, torch.zeros(count, dtype=torch.int64))


def _folder(maker: PairMaker, stage: str, real: Masked) -> str:
    """A stage's place among what all trials share; other knobs and other numbers of pictures are other networks."""
    known = f"{maker!r}\x1f{tuple(real.images.shape)}"
    return f"{stage}-{hashlib.sha256(known.encode()).hexdigest()[:16]}"
