"""A4: an inverse of the victim's own module, learnt from auxiliary images that were pushed through it."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dpm_flower.attacks.auxiliary import NoFeaturesError, check_auxiliary, repeated_draws, unless_usual, with_task_labels
from dpm_flower.attacks.inverse import USUAL, Inverse, usual_or_notation
from dpm_flower.attacks.public_reconstructor import PublicReconstructor
from dpm_flower.attacks.shadow_modules import check_of_images
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import joined_images
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Attacker, AttackerView, Auxiliary


@dataclass(frozen=True, slots=True, kw_only=True)
class BlackBoxInversion:
    """The attacker may use the victim's module without seeing into it, which is what sharing an obfuscator amounts to.

    Raises SettingError for an unknown auxiliary set. Source: SPEC.md, section 8, A4.
    """

    auxiliary: Auxiliary = "public+own"
    inverse: Inverse = USUAL

    def __post_init__(self) -> None:
        check_auxiliary(self.auxiliary)

    @property
    def name(self) -> str:
        """The level, and what differs from the strongest usual setting: "A4", "A4.public"."""
        return ".".join((self.level.name, *usual_or_notation(self.inverse), *unless_usual(self.auxiliary)))

    @property
    def level(self) -> Level:
        """It has the module as a black box."""
        return Level.A4

    def prepare(self, view: AttackerView, rng: torch.Generator) -> Attacker:
        """Auxiliary images and what the oracle answers -> the trained inverse; the oracle is asked for one training per folder.

        Where the oracle gives it nothing to learn from, it does what everybody can, and says so (`unlearnt`). Raises SettingError for a
        view without oracle.
        """
        try:
            return self.inverse.trained(view, rng, self.name, lambda: self._examples(view))
        except NoFeaturesError as err:
            return replace(PublicReconstructor().prepare(view, rng), unlearnt=str(err))

    def _examples(self, view: AttackerView) -> tuple[Tensor, Tensor]:
        """What the oracle makes of the auxiliary images (N,C,h,w), and these images (N,3,H,W)."""
        if view.oracle is None:
            raise SettingError(f"wanted a view with an oracle for {self.name}, got one without")
        check_of_images(view)
        sets = with_task_labels(view, self.auxiliary)
        features, images = repeated_draws(view.oracle, sets), joined_images([each.images for each in sets])
        return torch.cat(features), torch.cat([images] * len(features))
