"""A1: a reconstructor of the public featurizer that no module was trained against."""

from dataclasses import dataclass, replace

import torch

from dpm_flower.attacks.feature_inversion import FeatureInverter
from dpm_flower.attacks.kept_weights import trained_once
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import Progress
from dpm_flower.core.protocols import AttackerView, Level
from dpm_flower.core.streams import global_generator_from
from dpm_flower.nets.reconstructor import Normalisation, Reconstructor, ReconstructorKind
from dpm_flower.training.reconstruction import train_reconstructor


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
    fitting: Fitting = Fitting(steps=600, learning_rate=3e-3, weight_decay=0.0)

    def __post_init__(self) -> None:
        self._bare()
        if self.fitting.patience is not None:
            raise SettingError(f"an attacker is trained without validation images, so without patience, got {self.fitting.patience}")

    @property
    def name(self) -> str:
        """The level and the reconstructor's notation: "A1.residual-2-x4"."""
        return f"{self.level.name}.{self._bare().notation}"

    @property
    def level(self) -> Level:
        """It knows public images, and nothing of the defence."""
        return Level.A1

    def prepare(self, view: AttackerView, rng: torch.Generator) -> FeatureInverter:
        """Public images and their raw features -> the trained inverse of the featurizer; trained once per folder."""
        with global_generator_from(rng):
            inverse = self._reconstructor(view.net.spec.shape, view.public.images.shape[-1])

        def report(progress: Progress) -> None:
            view.report(replace(progress, work=self.name))

        trained_once(
            inverse,
            view.folder,
            lambda checkpoint: train_reconstructor(
                inverse,
                view.features(view.public.images),
                view.public.images,
                self.fitting,
                compute=view.compute,
                rng=rng,
                report=report,
                checkpoint=checkpoint,
            ),
        )
        return FeatureInverter(view.compute.place_module(inverse), view.compute)

    def _reconstructor(self, features: tuple[int, int, int], side: int) -> Reconstructor:
        return Reconstructor(features, side, self.kind, self.blocks, self.upscale, self.normalisation)

    def _bare(self) -> Reconstructor:
        """The smallest one with these knobs, without memory for weights: it checks them, and it knows its notation."""
        with torch.device("meta"):
            return self._reconstructor((1, 1, 1), 1)


SUFFICIENCY: tuple[OtherReconstructor, ...] = (
    OtherReconstructor(blocks=1),
    OtherReconstructor(upscale=4),
    OtherReconstructor(kind="residual"),
    OtherReconstructor(kind="residual", upscale=4),
    OtherReconstructor(normalisation="clamp"),
)
