"""Deciders that an attacker refines as a receiver does: on own features, and on what the recipe makes of images of its choice."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.attacks.auxiliary import features_of
from dpm_flower.attacks.membership import Decide
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.protocols import AttackerView, Preparation
from dpm_flower.core.secret_streams import child_stream
from dpm_flower.core.unpaired import images_behind
from dpm_flower.payload.codec import as_received
from dpm_flower.training.prediction import apply
from dpm_flower.training.supervised import Examples, train_classifier


@dataclass(frozen=True, slots=True, eq=False)
class ShadowDeciders:
    """What an attacker refines by: its view, which has a recipe and own images in the receiver's place, and how long a receiver refines."""

    view: AttackerView
    refining: Fitting

    def refined(self, sent: Labelled, rng: torch.Generator) -> Decide:
        """Images of a supposed sender -> the public decider as received, refined on own features and on what the sender would release.

        The recipe is run anew: a module of its own is fitted to these images, as the sender's was to the sender's.
        Raises SettingError for a view without recipe or own images, NoFeaturesError where the recipe shares no features.
        """
        view = self.view
        if view.recipe is None or view.own is None:
            raise SettingError("wanted a view with the recipe and the attacker's own images, got one without")
        preparation = Preparation(
            net=view.net,
            private=sent,
            validation=view.own,
            public=view.public,
            rng=child_stream(rng),
            compute=view.compute,
            report=view.report,
            features=view.features,
        )
        parts, labels = [view.features(view.own.images)], [view.own.labels]
        if (sharer := view.recipe.prepare(preparation)) is not None:
            shared = as_received(sharer.share(sent.images, sent.labels))
            parts.append(features_of(shared))
            labels.append(sent.labels[images_behind(view.recipe, sent.labels, shared)])
        decider = copy.deepcopy(view.net.decider).requires_grad_(True)
        train_classifier(
            decider,
            Examples(torch.cat(parts), torch.cat(labels)),
            self.refining,
            compute=view.compute,
            rng=rng,
            work="shadow decider",
            report=view.report,
        )

        def decide(images: Tensor) -> Tensor:
            return apply(decider, view.features(images), view.compute)

        return decide
