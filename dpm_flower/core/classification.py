"""What classifiers are trained by: cross-entropy on learnt logits, or on distances to fixed class centres."""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

from dpm_flower.core.errors import SettingError

Distance = Literal["euclidean", "cosine"]
Placing = Literal["orthonormal", "simplex"]


@dataclass(frozen=True, slots=True)
class CrossEntropy:
    """Softmax cross-entropy on the logits of a learnt linear layer. Source: Deep Poisoning, equation 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorLoss:
    """Softmax cross-entropy on negative distances to one fixed anchor per class. Source: arXiv 1804.08087 (Hao et al., 2018).

    `distance` from an activation f to an anchor a: ``euclidean`` is |f - a|^2, ``cosine`` is scale x (1 - cos(f, a)). Each has one
    knob. The Euclidean one's is the anchors' `norm`, in units of the activations; a factor on it would be the same knob again.
    The cosine's is `scale`, a number of nats: without one, two opposite classes differ by 2, and the loss cannot come near 0.
    Neither draws f onto its anchor: with one norm for all of them, the softmax over |f - a|^2 only asks that f.a be larger than
    for other classes, the longer f the better, and the cosine does not see lengths.

    `placing` of the anchors, which all have one norm and one distance from each other: ``orthonormal``, at right angles, with no
    coordinate below zero, so that activations behind a ReLU can reach them (where activations have one number fewer than there
    are classes, a simplex takes their place); ``simplex``, centred on the origin, as far apart as that norm allows. Raises
    SettingError for a missing or superfluous knob.
    """

    distance: Distance = "euclidean"
    placing: Placing = "orthonormal"
    norm: float | None = None
    scale: float | None = None

    def __post_init__(self) -> None:
        if self.distance not in ("euclidean", "cosine"):
            raise SettingError(f'distance must be "euclidean" or "cosine", got {self.distance!r}')
        if self.placing not in ("orthonormal", "simplex"):
            raise SettingError(f'placing must be "orthonormal" or "simplex", got {self.placing!r}')
        wanted, other = ("norm", "scale") if self.distance == "euclidean" else ("scale", "norm")
        value, superfluous = getattr(self, wanted), getattr(self, other)
        if value is None or not 0 < value < math.inf:
            raise SettingError(f"the {self.distance} distance wants a finite {wanted} > 0, got {value}")
        if superfluous is not None:
            raise SettingError(f"the {self.distance} distance has no {other}, got {superfluous}")


ClassificationLoss: TypeAlias = CrossEntropy | AnchorLoss

CROSS_ENTROPY = CrossEntropy()


def check_loss(loss: object) -> None:
    """Raises SettingError for what is no classification loss; a class is none, its instances are."""
    if not isinstance(loss, CrossEntropy | AnchorLoss):
        raise SettingError(f"wanted a classification loss, CrossEntropy() or AnchorLoss(...), got {loss!r}")
