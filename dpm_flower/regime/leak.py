"""Which of a release's pairs have leaked to an attacker, and what is left for it to guess, or has to do for it."""

from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor

from dpm_flower.core.protocols import Attack, LeakAttack, Leaked, SlowAttack
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages


@dataclass(frozen=True, slots=True, eq=False)
class Parted:
    """What an attacker knows already, what it is to guess from, and the images (N,C,H,W) of the victims that it is judged by.

    `judged` says which of all victims those are, in their order; None: all of them.
    """

    leaked: Leaked | None
    released: SharedBatch
    images: Tensor
    judged: Tensor | None = None


def parted(attack: Attack, images: Tensor, released: SharedBatch, shown: int, rng: torch.Generator) -> Parted:
    """An attack, the victims' images and their release -> the pairs that leak to it, and the others, in the order of the release.

    Leaked images are not scored: the attacker need not guess them. At most half of a release leaks, so that enough is left to judge
    by, and none of the first `shown` images, which the owner wants to look at. More pairs of the same stream are the same ones and
    others. A slow attack sees and is judged by a sample, with those first images in it.
    """
    judged = _judged_by(attack, len(images), shown, rng)
    if judged is None:
        return Parted(None, released, images)
    leaked = None if _takes_a_sample(attack, len(images)) else Leaked(images[~judged], _some(released, ~judged))
    return Parted(leaked, _some(released, judged), images[judged], judged)


def seen_whole(attack: Attack, images: Tensor, released: SharedBatch, shown: int, rng: torch.Generator) -> Parted:
    """An attack, the victims' images and what was made up, however much -> all of that, and nothing leaked: there are no pairs.

    It is judged by the same images as by raw features of theirs (see `parted`), which are what it is measured against.
    """
    judged = _judged_by(attack, len(images), shown, rng)
    return Parted(None, released, images if judged is None else images[judged], judged)


def _judged_by(attack: Attack, images: int, shown: int, rng: torch.Generator) -> Tensor | None:
    """By which of so many images an attack is judged, (N,) bool; None: all of them."""
    if isinstance(attack, SlowAttack) and _takes_a_sample(attack, images):
        some = torch.cat((torch.arange(min(shown, images)), _drawn(images, shown, rng)))[: attack.most_images]
        return torch.zeros(images, dtype=torch.bool).index_fill_(0, some, True)
    if not isinstance(attack, LeakAttack) or not attack.level.has_leaked_pairs:
        return None
    leaking = _drawn(images, shown, rng)[: min(attack.pairs, images // 2)]
    return torch.ones(images, dtype=torch.bool).index_fill_(0, leaking, False)


def _takes_a_sample(attack: Attack, images: int) -> bool:
    return isinstance(attack, SlowAttack) and images > attack.most_images


def _drawn(images: int, shown: int, rng: torch.Generator) -> Tensor:
    """The numbers of all images but those shown, in an order that is drawn."""
    return shown + torch.randperm(max(0, images - shown), generator=rng)


def _some(batch: SharedBatch, chosen: Tensor) -> SharedBatch:
    match batch:
        case SharedFeatures(features, labels):
            return SharedFeatures(features[chosen], labels[chosen])
        case SharedImages(images, labels):
            return SharedImages(images[chosen], labels[chosen])
        case ModelUpdate():
            return batch
    assert_never(batch)
