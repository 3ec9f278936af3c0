"""Shadow modules: what an attacker gets when it runs the victim's recipe on images of its own, as if it were an entity."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dpm_flower.attacks.auxiliary import NoFeaturesError, check_auxiliary, joined, released_features, unless_usual, with_task_labels
from dpm_flower.attacks.inverse import reported_as
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.protocols import AttackerView, Auxiliary, FeatureSource, Preparation, ReadsAttributes, Sharer, SharingMethod, Wraps
from dpm_flower.core.secret_streams import child_stream
from dpm_flower.core.unpaired import is_unpaired


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadows:
    """Which modules an attacker makes: `count` under seeds of their own, by the recipe and by each of `variants` that is of its kind.

    Where the recipe releases by a codec what another method shares, a variant of that method's kind stands for it, behind the same codec.
    They learn from the `auxiliary` images. Raises SettingError for knobs that cannot work.
    """

    auxiliary: Auxiliary
    count: int
    variants: tuple[SharingMethod, ...]

    def __post_init__(self) -> None:
        check_auxiliary(self.auxiliary)
        if self.count < 1:
            raise SettingError(f"shadows must be at least 1, got {self.count}")
        if not all(isinstance(variant, SharingMethod) for variant in self.variants):
            raise SettingError(f"variants are sharing methods, got {self.variants!r}")

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What is unusual about them, as parts of an attack's name: "x3", "2-variants", "public"."""
        return (
            *([f"x{self.count}"] if self.count > 1 else []),
            *([f"{len(self.variants)}-variants"] if self.variants else []),
            *unless_usual(self.auxiliary),
        )

    def recipes(self, view: AttackerView, name: str) -> list[SharingMethod]:
        """Each recipe as often as there are shadows of it, for an attack of that name. Raises SettingError for a view without recipe."""
        if view.recipe is None:
            raise SettingError(f"wanted a view with the recipe for {name}, got one without")
        kinds = [view.recipe]
        for variant in self.variants:
            if (made := _in_form_of(view.recipe, variant)) is not None:
                kinds.append(made)
        return [recipe for recipe in kinds for _ in range(self.count)]

    def releases(
        self, view: AttackerView, rng: torch.Generator, name: str, seen_by: FeatureSource | None = None
    ) -> tuple[tuple[Labelled, ...], list[Tensor]]:
        """As `made`, with what each module shares for all of the sets, one after the other (N,C,h,w), in place of the module.

        Images that the recipe shares are taken by their features, where it is said whose.
        """
        sets, shadows = self.made(view, rng, name)
        return sets, [released_features(shadow.share, sets, seen_by) for shadow in shadows]

    def made(self, view: AttackerView, rng: torch.Generator, name: str) -> tuple[tuple[Labelled, ...], Iterator[Sharer]]:
        """A view -> the auxiliary sets, and the modules that learnt from them, each made when it is asked for.

        `name` is the attack's, under which all training is reported. Raises NoFeaturesError where the recipe shares nothing that an
        inverse could learn from.
        """
        check_of_images(view)
        sets = with_task_labels(view, self.auxiliary)
        reported = replace(view, report=reported_as(name, view.report))
        return sets, (_shadow(recipe, reported, sets, rng) for recipe in self.recipes(view, name))


def check_of_images(view: AttackerView) -> None:
    """Raises NoFeaturesError where what the recipe shares is made up: no image that went in belongs to what comes out."""
    if view.recipe is not None and is_unpaired(view.recipe):
        raise NoFeaturesError("what is shared is made up, and belongs to no image: there are no pairs to learn from")


def _in_form_of(recipe: SharingMethod, variant: SharingMethod) -> SharingMethod | None:
    """A variant of a recipe's own kind, or of what the recipe wraps -> released in the recipe's form; None for one of another kind."""
    if not isinstance(recipe, Wraps):
        return variant if type(variant) is type(recipe) else None
    if not isinstance(variant, Wraps):
        inner = _in_form_of(recipe.method, variant)
        return None if inner is None else recipe.around(inner)
    inner = _in_form_of(recipe.method, variant.method)
    return variant if type(variant) is type(recipe) and inner is not None else None


def _shadow(recipe: SharingMethod, view: AttackerView, sets: tuple[Labelled, ...], rng: torch.Generator) -> Sharer:
    """What the attacker gets when it runs a recipe as if the auxiliary images were an entity's own."""
    own = joined(sets)
    if own.attributes is None and isinstance(recipe, ReadsAttributes):
        recipe = recipe.without_attributes()
    sharer = recipe.prepare(
        Preparation(
            net=view.net,
            private=own,
            validation=sets[-1],  # its own images where it learns from them: a strength is settled by labels that are true
            public=view.public,
            rng=child_stream(rng),
            compute=view.compute,
            report=view.report,
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
