"""What an attacker learns an inverse from: images of its own and what a sharer makes of them, as released features."""

from collections.abc import Sequence
from typing import assert_never, get_args

import torch
from torch import Tensor

from dpm_flower.core.errors import DpmFlowerError, SettingError
from dpm_flower.core.labelled import Labelled, joined_attributes, joined_images
from dpm_flower.core.protocols import AttackerView, Auxiliary, BlackBox, FeatureSource
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages
from dpm_flower.payload.codec import as_received
from dpm_flower.training.prediction import apply

DRAWS = 4  # of noise for each image: one alone could be learnt by heart


def check_auxiliary(chosen: str) -> None:
    """Raises SettingError for no auxiliary set."""
    if chosen not in get_args(Auxiliary):
        raise SettingError(f"auxiliary must be one of {', '.join(get_args(Auxiliary))}, got {chosen!r}")


def unless_usual(chosen: Auxiliary) -> list[str]:
    """The auxiliary set as a part of an attack's name: none for the usual one, which is what peers have."""
    return [] if chosen == "public+own" else [chosen]


def with_task_labels(view: AttackerView, chosen: Auxiliary) -> tuple[Labelled, ...]:
    """The auxiliary sets, all with class numbers of the task: the public images have those that the public decider gives them.

    Their own may be of other classes, and no sharing method can do anything with those.
    """
    return tuple(_of_the_task(each, view) if each is view.public else each for each in view.auxiliary(chosen))


def _of_the_task(public: Labelled, view: AttackerView) -> Labelled:
    answers = apply(view.net.decider, view.features(public.images), view.compute).argmax(1)
    return Labelled(public.images, answers, view.net.classes, public.attributes)


def joined(sets: Sequence[Labelled]) -> Labelled:
    """Sets with the same classes -> one."""
    first, *others = sets
    if not others:
        return first
    labels = torch.cat([each.labels for each in sets])
    return Labelled(joined_images([each.images for each in sets]), labels, first.classes, joined_attributes(sets))


class NoFeaturesError(DpmFlowerError):
    """What is shared is no features, so that there is nothing to learn an inverse from; the message is a reason."""


def released_features(share: BlackBox, sets: Sequence[Labelled], seen_by: FeatureSource | None = None) -> Tensor:
    """What is shared for the sets, one after the other, as its readers get it: features (N,C,h,w); of shared images, those `seen_by`.

    Raises NoFeaturesError where something else is shared.
    """
    return torch.cat([features_of(as_received(share(each.images, each.labels)), seen_by) for each in sets])


def repeated_draws(share: BlackBox, sets: Sequence[Labelled]) -> list[Tensor]:
    """As `released_features`, once for who always shares the same for an image, and `DRAWS` times for who draws something anew."""
    draws = [released_features(share, sets)]
    while len(draws) < DRAWS and not torch.equal(again := released_features(share, sets), draws[0]):
        draws.append(again)
    return draws


def features_of(shared: SharedBatch, seen_by: FeatureSource | None = None) -> Tensor:
    """What is shared -> its features (N,C,h,w); of shared images, those `seen_by`. Raises NoFeaturesError where it is something else."""
    match shared:
        case SharedFeatures(features=features):
            return features
        case SharedImages(images=images):
            if seen_by is not None:
                return seen_by(images)
            raise NoFeaturesError("images are shared, which are their own guess")
        case ModelUpdate():
            raise NoFeaturesError("a model update is shared, which holds no features")
    assert_never(shared)
