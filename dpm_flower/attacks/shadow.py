"""A2: an inverse of shadow modules, which the attacker makes by the victim's recipe, applied to what the victim released."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dpm_flower.attacks.auxiliary import NoFeaturesError, check_auxiliary, joined, released_features, with_task_labels
from dpm_flower.attacks.inverse import USUAL, Inverse, reported_as, usual_or_notation
from dpm_flower.attacks.unlearned import Unlearned
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labelled, joined_images
from dpm_flower.core.protocols import Attacker, AttackerView, Auxiliary, FeatureSource, Level, Preparation, Sharer, SharingMethod
from dpm_flower.core.secret_streams import child_stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """The attacker plays an entity: it runs the recipe on images of its own, and learns to undo what comes of it.

    `shadows` modules are made under seeds of their own, by the recipe and by each of `variants` that is of the recipe's own kind:
    ``replace(POISONED, blocks=2)`` stands for a victim who has changed that knob. One inverse learns to undo them all, which makes
    it read what they have in common instead of the habits of one; for each of them it has its fitting's steps. Raises SettingError
    for knobs that cannot work. Source: SPEC.md, section 8, A2.
    """

    auxiliary: Auxiliary = "public+own"
    shadows: int = 1
    variants: tuple[SharingMethod, ...] = ()
    inverse: Inverse = USUAL

    def __post_init__(self) -> None:
        check_auxiliary(self.auxiliary)
        if self.shadows < 1:
            raise SettingError(f"shadows must be at least 1, got {self.shadows}")
        if not all(isinstance(variant, SharingMethod) for variant in self.variants):
            raise SettingError(f"variants are sharing methods, got {self.variants!r}")

    @property
    def name(self) -> str:
        """The level, and what differs from the strongest usual setting: "A2", "A2.public", "A2.residual-2-x4.x3"."""
        return ".".join((self.level.name, *self.suffixes))

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The parts of the name behind the level."""
        return (
            *usual_or_notation(self.inverse),
            *([f"x{self.shadows}"] if self.shadows > 1 else []),
            *([f"{len(self.variants)}-variants"] if self.variants else []),
            *([self.auxiliary] if self.auxiliary == "public" else []),
        )

    @property
    def level(self) -> Level:
        """It knows how the defence is made."""
        return Level.A2

    def prepare(self, view: AttackerView, rng: torch.Generator) -> Attacker:
        """The recipe and auxiliary images -> the trained inverse of the shadow modules; trained once per folder.

        Raises SettingError for a view without recipe.
        """
        try:
            return self._inverse(view).trained(view, rng, self.name, lambda: self._examples(view, rng))
        except NoFeaturesError as err:
            return Unlearned(str(err))

    def _examples(self, view: AttackerView, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """What shadow modules make of the auxiliary images (N,C,h,w), and these images (N,3,H,W), module after module."""
        sets = with_task_labels(view, self.auxiliary)
        features = [released_features(self._shadow(recipe, view, sets, rng).share, sets) for recipe in self._recipes(view)]
        images = joined_images([each.images for each in sets])
        return torch.cat(features), torch.cat([images] * len(features))

    def _inverse(self, view: AttackerView) -> Inverse:
        """The inverse, trained as long on every module as it would be on one."""
        fitting = self.inverse.fitting
        return replace(self.inverse, fitting=replace(fitting, steps=fitting.steps * len(self._recipes(view))))

    def _recipes(self, view: AttackerView) -> list[SharingMethod]:
        """Each recipe as often as there are shadows of it."""
        if view.recipe is None:
            raise SettingError(f"wanted a view with the recipe for {self.name}, got one without")
        kinds = (view.recipe, *(variant for variant in self.variants if type(variant) is type(view.recipe)))
        return [recipe for recipe in kinds for _ in range(self.shadows)]

    def _shadow(self, recipe: SharingMethod, view: AttackerView, sets: tuple[Labelled, ...], rng: torch.Generator) -> Sharer:
        """What the attacker gets when it runs a recipe as if the auxiliary images were an entity's own."""
        own = joined(sets)
        sharer = recipe.prepare(
            Preparation(
                net=view.net,
                private=own,
                validation=sets[-1],  # its own images where it learns from them: a strength is settled by labels that are true
                public=view.public,
                rng=child_stream(rng),
                compute=view.compute,
                report=reported_as(self.name, view.report),
                features=_features_of(own, sets, view.features),
            )
        )
        if sharer is None:
            raise NoFeaturesError("nothing is shared")
        return sharer


def _features_of(own: Labelled, sets: tuple[Labelled, ...], features: FeatureSource) -> FeatureSource:
    """As `features`, which knows the sets already and not what they were joined to."""

    def known(images: Tensor) -> Tensor:
        if len(sets) > 1 and images is own.images:
            return torch.cat([features(each.images) for each in sets])
        return features(images)

    return known


USUAL_SHADOW = Shadow()
