"""Which of a release's pairs have leaked to an attacker, and what is left for it to guess, or has to do for it."""

from dataclasses import dataclass, replace
from typing import assert_never

import torch
from torch import Tensor

from dpm_flower.core.protocols import Attack, LeakAttack, Leaked, SlowAttack
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages


@dataclass(frozen=True, slots=True, eq=False)
class Parted:
    """What an attacker knows already, what it is to guess from, and the truth (N,C,H,W) about that, in the same order.

    `judged` says which of the release's images that is; None: all of them.
    """

    leaked: Leaked | None
    released: SharedBatch
    images: Tensor
    judged: Tensor | None = None


def parted(attack: Attack, images: Tensor, released: SharedBatch, shown: int, rng: torch.Generator, *, unpaired: bool = False) -> Parted:
    """An attack, the victims' images and their release -> the pairs that leak to it, and the others, in the order of the release.

    Leaked images are not scored: the attacker need not guess them. At most half of a release leaks, so that enough is left to judge
    by, and none of the first `shown` images, which the owner wants to look at. More pairs of the same stream are the same ones and
    others. A slow attack sees and is judged by a sample, with those first images in it. What is `unpaired` is seen whole by everybody,
    and images leak with some of it that was not made of them.
    """
    if unpaired:
        known = parted(attack, images, _for_each(images, released), shown, rng)
        return replace(known, released=released)  # a part of it is no part of the victims'
    if isinstance(attack, SlowAttack) and len(images) > attack.most_images:
        some = torch.cat((torch.arange(min(shown, len(images))), _drawn(len(images), shown, rng)))[: attack.most_images]
        judged = torch.zeros(len(images), dtype=torch.bool).index_fill_(0, some, True)
        return Parted(None, _some(released, judged), images[judged], judged)
    if not isinstance(attack, LeakAttack) or not attack.level.has_leaked_pairs:
        return Parted(None, released, images)
    leaking = _drawn(len(images), shown, rng)[: min(attack.pairs, len(images) // 2)].sort().values
    left = torch.ones(len(images), dtype=torch.bool).index_fill_(0, leaking, False)
    return Parted(Leaked(images[leaking], _some(released, leaking)), _some(released, left), images[left], left)


def _drawn(images: int, shown: int, rng: torch.Generator) -> Tensor:
    """The numbers of all images but those shown, in an order that is drawn."""
    return shown + torch.randperm(max(0, images - shown), generator=rng)


def _for_each(images: Tensor, released: SharedBatch) -> SharedBatch:
    """Images (N,C,H,W) and what is made up, perhaps less -> N of it, over and over."""
    return released if isinstance(released, ModelUpdate) else _some(released, torch.arange(len(images)) % len(released.labels))


def _some(batch: SharedBatch, chosen: Tensor) -> SharedBatch:
    match batch:
        case SharedFeatures(features, labels):
            return SharedFeatures(features[chosen], labels[chosen])
        case SharedImages(images, labels):
            return SharedImages(images[chosen], labels[chosen])
        case ModelUpdate():
            return batch
    assert_never(batch)
