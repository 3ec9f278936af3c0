"""A5: an inverse of a substitute module, which is made by what was released looking as it does, without the recipe."""

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from dpm_flower.attacks.auxiliary import check_auxiliary, unless_usual, with_task_labels
from dpm_flower.attacks.feature_inversion import by_features
from dpm_flower.attacks.inverse import USUAL, Inverse, reported_as, usual_or_fitting, usual_or_notation
from dpm_flower.attacks.kept_weights import trained_once
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import joined_images
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import AttackerView, AttackResult, Auxiliary
from dpm_flower.core.secret_streams import child_stream
from dpm_flower.core.shared import SharedBatch, SharedFeatures
from dpm_flower.core.streams import global_generator_from
from dpm_flower.nets.deep_poisoning_module import DeepPoisoningModule
from dpm_flower.nets.residual_blocks import BasicBlock
from dpm_flower.training.alignment import train_substitute
from dpm_flower.training.known_digests import KnownDigests
from dpm_flower.training.prediction import apply

ALIGNING = Fitting(steps=500, learning_rate=2e-3, weight_decay=0.0)
DIGEST_DIGITS = 16  # of a release's folder: enough to tell any two apart

_digest_of = KnownDigests()  # of this process: a release is hashed once


@dataclass(frozen=True, slots=True, kw_only=True)
class Aligned:
    """The attacker makes a module of its own whose outputs look like the release, and learns to undo that one.

    It knows neither the recipe nor the sharer. Its substitute are `blocks` residual blocks that begin as the identity, so that of all
    modules with such outputs it is one near the raw features; by `aligning` what it makes of the auxiliary images comes to be
    distributed, class by class, as the release. It is trained anew for each release. Raises SettingError for knobs that cannot work.
    Source: SPEC.md, section 8, A5; FORA, arXiv 2405.04115.
    """

    auxiliary: Auxiliary = "public+own"
    blocks: int = 2
    aligning: Fitting = ALIGNING
    inverse: Inverse = USUAL

    def __post_init__(self) -> None:
        check_auxiliary(self.auxiliary)
        self.aligning.check_no_patience("an attacker is trained")
        if self.blocks < 1:
            raise SettingError(f"blocks must be at least 1, got {self.blocks}")

    @property
    def name(self) -> str:
        """The level, and what differs from the strongest usual setting: "A5", "A5.public", "A5.s600.aligned-s100"."""
        parts = (
            *usual_or_notation(self.inverse),
            *([f"{self.blocks}-blocks"] if self.blocks != 2 else []),
            *usual_or_fitting(self.aligning, ALIGNING, "aligned-"),
            *unless_usual(self.auxiliary),
        )
        return ".".join((self.level.name, *parts))

    @property
    def level(self) -> Level:
        """It knows images, and what was released."""
        return Level.A5

    def prepare(self, view: AttackerView, rng: torch.Generator) -> "Aligner":
        """There is nothing to learn before a release is seen. Raises SettingError for a view without the images that it wants."""
        view.auxiliary(self.auxiliary)
        return Aligner(self, view, rng.get_state())


@dataclass(frozen=True, slots=True, eq=False)
class Aligner:
    """The prepared attack: its knobs, what it knows, and the state of its random stream."""

    knobs: Aligned
    view: AttackerView
    stream_state: Tensor

    def guess(self, release: SharedBatch) -> AttackResult:
        """Released features (N,C,h,w) -> guesses (N,3,H,W), by networks that are trained once for each release; images are their own."""
        return by_features(release, self._inverted)

    def _inverted(self, release: SharedFeatures) -> AttackResult:
        digests = "-".join(_digest_of(values)[:DIGEST_DIGITS] for values in (release.features, release.labels))
        view = replace(self.view, folder=self.view.folder / digests)
        rng = torch.Generator()
        rng.set_state(self.stream_state)
        for_substitute, for_inverse = child_stream(rng), child_stream(rng)

        def examples() -> tuple[Tensor, Tensor]:
            sets = with_task_labels(view, self.knobs.auxiliary)
            known = SharedFeatures(torch.cat([view.features(each.images) for each in sets]), torch.cat([each.labels for each in sets]))
            substitute = self._substitute(known, release, view.folder / "substitute", for_substitute)
            return apply(substitute, known.features, view.compute), joined_images([each.images for each in sets])

        return self.knobs.inverse.trained(view, for_inverse, self.knobs.name, examples).guess(release)

    def _substitute(self, known: SharedFeatures, release: SharedFeatures, folder: Path, rng: torch.Generator) -> nn.Module:
        """Features of known images, and the release -> the module that makes such out of such; trained once per folder."""
        with global_generator_from(rng):
            substitute = near_identity(self.view.net.spec.shape[0], self.knobs.blocks, self.view.net.spec.non_negative)

        def train(checkpoint: Path) -> None:
            train_substitute(
                substitute,
                known,
                release,
                self.knobs.aligning,
                compute=self.view.compute,
                rng=rng,
                report=reported_as(self.knobs.name, self.view.report),
                checkpoint=checkpoint,
            )

        return trained_once(substitute, folder, train, self.view.compute)


def near_identity(channels: int, blocks: int, non_negative: bool) -> DeepPoisoningModule:
    """Knobs of a module -> one of basic blocks that gives back features (B,C,h,w) as they are until it is trained."""
    module = DeepPoisoningModule(channels, blocks=blocks, kind="basic", non_negative=non_negative)
    for block in module.blocks:
        if isinstance(block, BasicBlock):
            nn.init.zeros_(block.bn2.weight)
    return module
