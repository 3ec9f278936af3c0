"""A2: an inverse of shadow modules, which the attacker makes by the victim's recipe, applied to what the victim released."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dpm_flower.attacks.auxiliary import NoFeaturesError, repeated_draws
from dpm_flower.attacks.inverse import USUAL, Inverse, usual_or_notation
from dpm_flower.attacks.public_reconstructor import PublicReconstructor
from dpm_flower.attacks.shadow_modules import Shadows
from dpm_flower.core.labelled import joined_images
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Attacker, AttackerView, Auxiliary, SharingMethod


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """The attacker plays an entity: it runs the recipe on images of its own, and learns to undo what comes of it.

    `shadows` modules are made under seeds of their own, by the recipe and by each of `variants` that is of the recipe's own kind:
    ``replace(POISONED, blocks=2)`` stands for a victim who has changed that knob, also behind a codec. One inverse learns to undo them
    all, which makes it read what they have in common instead of the habits of one; for each of them it has its fitting's steps. Raises
    SettingError for knobs that cannot work. Source: SPEC.md, section 8, A2.
    """

    auxiliary: Auxiliary = "public+own"
    shadows: int = 1
    variants: tuple[SharingMethod, ...] = ()
    inverse: Inverse = USUAL

    def __post_init__(self) -> None:
        self._modules()

    @property
    def name(self) -> str:
        """The level, and what differs from the strongest usual setting: "A2", "A2.public", "A2.residual-2-x4.x3"."""
        return ".".join((self.level.name, *self.suffixes))

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The parts of the name behind the level."""
        return (*usual_or_notation(self.inverse), *self._modules().suffixes)

    @property
    def level(self) -> Level:
        """It knows how the defence is made."""
        return Level.A2

    def prepare(self, view: AttackerView, rng: torch.Generator) -> Attacker:
        """The recipe and auxiliary images -> the trained inverse of the shadow modules; trained once per folder.

        Where the recipe gives it nothing to learn from, it does what everybody can, and says so (`unlearnt`).
        Raises SettingError for a view without recipe.
        """
        try:
            return self._inverse(view).trained(view, rng, self.name, lambda: self._examples(view, rng))
        except NoFeaturesError as err:
            return replace(PublicReconstructor().prepare(view, rng), unlearnt=str(err))

    def _examples(self, view: AttackerView, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """What shadow modules make of the auxiliary images (N,C,h,w), and these images (N,3,H,W), draw after draw."""
        sets, shadows = self._modules().made(view, rng, self.name)
        features = [draw for shadow in shadows for draw in repeated_draws(shadow.share, sets)]
        images = joined_images([each.images for each in sets])
        return torch.cat(features), torch.cat([images] * len(features))

    def _inverse(self, view: AttackerView) -> Inverse:
        """The inverse, trained as long on every module as it would be on one."""
        fitting, modules = self.inverse.fitting, len(self._modules().recipes(view, self.name))
        return replace(self.inverse, fitting=replace(fitting, steps=fitting.steps * modules))

    def _modules(self) -> Shadows:
        return Shadows(auxiliary=self.auxiliary, count=self.shadows, variants=self.variants)


USUAL_SHADOW = Shadow()
