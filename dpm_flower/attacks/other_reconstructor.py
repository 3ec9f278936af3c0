"""A1: a reconstructor of the public featurizer that no module was trained against."""

from dataclasses import dataclass

import torch

from dpm_flower.attacks.feature_inversion import FeatureInverter
from dpm_flower.attacks.inverse import USUAL, Inverse, usual_or_fitting
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import AttackerView
from dpm_flower.nets.reconstructor import Normalisation, ReconstructorKind


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherReconstructor:
    """An own reconstructor, of another architecture than the public one, trained on public images and their features.

    Raises SettingError for knobs that no reconstructor can have, and for a patience. Source: the sufficiency test of Deep Poisoning
    (SPEC.md, section 1).
    """

    kind: ReconstructorKind = "plain"
    blocks: int = 2
    upscale: int = 2
    normalisation: Normalisation = "min-max"
    fitting: Fitting = Fitting(steps=1000, learning_rate=3e-3, weight_decay=0.0)

    def __post_init__(self) -> None:
        self._inverse()

    @property
    def name(self) -> str:
        """The level, the reconstructor's notation, and how it is fitted unless as usual: "A1.residual-2-x4", "A1.residual-2-x4.s300"."""
        return ".".join((self.level.name, self._inverse().notation, *usual_or_fitting(self.fitting, USUAL.fitting)))

    @property
    def level(self) -> Level:
        """It knows public images, and nothing of the defence."""
        return Level.A1

    def prepare(self, view: AttackerView, rng: torch.Generator) -> FeatureInverter:
        """Public images and their raw features -> the trained inverse of the featurizer; trained once per folder."""
        images = view.public.images
        return self._inverse().trained(view, rng, self.name, lambda: (view.features(images), images))

    def _inverse(self) -> Inverse:
        return Inverse(kind=self.kind, blocks=self.blocks, upscale=self.upscale, normalisation=self.normalisation, fitting=self.fitting)


SUFFICIENCY: tuple[OtherReconstructor, ...] = (
    OtherReconstructor(blocks=1),
    OtherReconstructor(upscale=4),
    OtherReconstructor(kind="residual"),
    OtherReconstructor(kind="residual", upscale=4),
    OtherReconstructor(normalisation="clamp"),
)
