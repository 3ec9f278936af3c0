"""An attacker's own network from features back to images: its knobs, and how it is trained once."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from dpm_flower.attacks.feature_inversion import FeatureInverter
from dpm_flower.attacks.kept_weights import reconstructor_once
from dpm_flower.core.compute import Compute
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import Progress, Report
from dpm_flower.core.protocols import AttackerView
from dpm_flower.core.streams import global_generator_from
from dpm_flower.nets.reconstructor import Normalisation, Reconstructor, ReconstructorKind, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Inverse:
    """A reconstructor's architecture and how long it is trained; studies of small images take fewer steps.

    Raises SettingError for knobs that no reconstructor can have, and for a patience.
    """

    kind: ReconstructorKind = "plain"
    blocks: int = 2
    upscale: int = 2
    normalisation: Normalisation = "min-max"
    fitting: Fitting = Fitting(steps=1000, learning_rate=3e-3, weight_decay=0.0)

    def __post_init__(self) -> None:
        self._bare()
        self.fitting.check_no_patience("an attacker is trained")

    @property
    def notation(self) -> str:
        """The reconstructor's: "residual-2-x4"."""
        return self._bare().notation

    def trained(
        self, view: AttackerView, rng: torch.Generator, name: str, examples: Callable[[], tuple[Tensor, Tensor]]
    ) -> FeatureInverter:
        """What the attacker learns from, (N,C,h,w) and images (N,3,H,W) -> the trained inverse; trained once per folder of the view.

        `examples` is called only if there is something to train; `name` is whose progress is reported.
        """
        height, width = view.public.images.shape[-2:]
        report = reported_as(name, view.report)
        return self.learnt(view.net.spec.shape, (height, width), view.folder, examples, compute=view.compute, rng=rng, report=report)

    def learnt(
        self,
        features: tuple[int, int, int],
        side: Side,
        folder: Path,
        examples: Callable[[], tuple[Tensor, Tensor]],
        *,
        compute: Compute,
        rng: torch.Generator,
        report: Report,
    ) -> FeatureInverter:
        """What features are, of which images, and what to learn from, called only if needed -> the inverse; trained once per folder."""
        with global_generator_from(rng):
            untrained = self._reconstructor(features, side)
        inverse = reconstructor_once(untrained, folder, examples, self.fitting, compute=compute, rng=rng, report=report)
        return FeatureInverter(inverse, compute)

    def _reconstructor(self, features: tuple[int, int, int], side: Side) -> Reconstructor:
        return Reconstructor(features, side, self.kind, self.blocks, self.upscale, self.normalisation)

    def _bare(self) -> Reconstructor:
        """The smallest one with these knobs, without memory for weights: it checks them, and it knows its notation."""
        with torch.device("meta"):
            return self._reconstructor((1, 1, 1), 1)


def usual_or_notation(inverse: Inverse) -> tuple[str, ...]:
    """An inverse -> its notation and how it is fitted as parts of a name; what is usual has none."""
    notation = () if inverse.notation == USUAL.notation else (inverse.notation,)
    return (*notation, *usual_or_fitting(inverse.fitting, USUAL.fitting))


def usual_or_fitting(fitting: Fitting, usual: Fitting, work: str = "") -> tuple[str, ...]:
    """A fitting and the usual one of a `work` -> its steps as a part of a name where only they are others, "s300"; nothing if usual.

    With other knobs a few digits tell it from any other: "s300-5c1f".
    """
    if fitting == usual:
        return ()
    alike = fitting == replace(usual, steps=fitting.steps)
    return (f"{work}s{fitting.steps}{'' if alike else f'-{hashlib.sha256(repr(fitting).encode()).hexdigest()[:4]}'}",)


def unusual(attack: object, heads: Mapping[str, str]) -> list[str]:
    """An attack, and for each of its knobs what comes before it -> the knobs that are not as usual as parts of a name: "s600", "tv0_1"."""
    usual = type(attack)()
    parts = [[f"{head}{_short(getattr(each, knob))}" for each in (attack, usual)] for knob, head in heads.items()]
    return [own.replace(".", "_") for own, known in parts if own != known]


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def reported_as(name: str, report: Report) -> Report:
    """A report -> one in whose lines the work is called `name`."""

    def renamed(progress: Progress) -> None:
        report(replace(progress, work=name))

    return renamed


USUAL = Inverse()
