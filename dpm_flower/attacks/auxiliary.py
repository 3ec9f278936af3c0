"""What an attacker learns an inverse from: images of its own and what a sharer makes of them, as released features."""

from collections.abc import Sequence
from typing import assert_never, get_args

import torch
from torch import Tensor

from dpm_flower.core.errors import DpmFlowerError, SettingError
from dpm_flower.core.labelled import Labelled, joined_images
from dpm_flower.core.protocols import AttackerView, Auxiliary, BlackBox
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages
from dpm_flower.training.prediction import apply


def check_auxiliary(chosen: str) -> None:
    """Raises SettingError for no auxiliary set."""
    if chosen not in get_args(Auxiliary):
        raise SettingError(f"auxiliary must be one of {', '.join(get_args(Auxiliary))}, got {chosen!r}")


def with_task_labels(view: AttackerView, chosen: Auxiliary) -> tuple[Labelled, ...]:
    """The auxiliary sets, all with class numbers of the task: the public images have those that the public decider gives them.

    Their own may be of other classes, and no sharing method can do anything with those.
    """
    public, *own = view.auxiliary(chosen)
    answers = apply(view.net.decider, view.features(public.images), view.compute).argmax(1)
    return (Labelled(public.images, answers, view.net.classes), *own)


def joined(sets: Sequence[Labelled]) -> Labelled:
    """Sets with the same classes -> one."""
    first, *others = sets
    if not others:
        return first
    return Labelled(joined_images([each.images for each in sets]), torch.cat([each.labels for each in sets]), first.classes)


class NoFeaturesError(DpmFlowerError):
    """What is shared is no features, so that there is nothing to learn an inverse from; the message is a reason."""


def released_features(share: BlackBox, sets: Sequence[Labelled]) -> Tensor:
    """What is shared for the sets, one after the other: features (N,C,h,w). Raises NoFeaturesError where something else is."""
    return torch.cat([_features(share(each.images, each.labels)) for each in sets])


def _features(shared: SharedBatch) -> Tensor:
    match shared:
        case SharedFeatures(features=features):
            return features
        case SharedImages():
            raise NoFeaturesError("images are shared, which are their own guess")
        case ModelUpdate():
            raise NoFeaturesError("a model update is shared, which holds no features")
    assert_never(shared)
