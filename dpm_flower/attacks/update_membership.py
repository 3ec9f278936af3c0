"""U2: whether an image was among those of a round, by what its entity's model update did to it."""

from dataclasses import dataclass
from typing import Literal, TypeAlias, assert_never, get_args

import torch
from torch import Tensor
from torch.nn import functional

from dpm_flower.attacks.updated_part import UpdatedPart, part_of
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labelled, Labels
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import AttackerView, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedBatch, SharedFeatures, SharedImages
from dpm_flower.training.prediction import BATCH, apply

Measure: TypeAlias = Literal["better", "alignment", "loss"]
LEAST = 1e-12  # of a norm or a deviation, which divides


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateMembership:
    """The attacker asks of every candidate whether the update did more for it than for images that were surely not there: its own.

    "alignment" is the cosine between the update and the downhill direction of the candidate's own loss at the round's start, "loss" by
    how much that loss fell. Both are counted in standard deviations from what they are for the attacker's own images of the class;
    "better" is the greater of the two. Raises SettingError for another `measure`. Source: SPEC.md, section 8, U2; gradients: Nasr
    et al., arXiv 1812.00910; losses before and after: Watson et al., arXiv 2111.08440.
    """

    measure: Measure = "better"

    def __post_init__(self) -> None:
        if self.measure not in get_args(Measure):
            raise SettingError(f"measure must be one of {', '.join(get_args(Measure))}, got {self.measure!r}")

    @property
    def name(self) -> str:
        """The level, and what differs from the usual setting: "U2", "U2.loss"."""
        return self.level.name if self.measure == "better" else f"{self.level.name}.{self.measure}"

    @property
    def level(self) -> Level:
        """It sees entities' updates."""
        return Level.U2

    def scores(self, view: AttackerView, update: SharedBatch, candidates: Labelled) -> Tensor | NotApplicable:
        """What is known (`view.net` as the round began), an update, and N candidates with labels -> scores (N,), higher = rather a member.

        Raises SettingError for a view without own images, which nobody else may hold.
        """
        match update:
            case ModelUpdate():
                return self._scores(view, update, candidates)
            case SharedFeatures() | SharedImages():
                return NotApplicable("a release holds no model update; who was in it is asked by linkage (L1) and of the decider (L3)")
        assert_never(update)

    def _scores(self, view: AttackerView, update: ModelUpdate, candidates: Labelled) -> Tensor:
        if view.own is None or len(view.own) < 2:
            raise SettingError(f"wanted a view with at least 2 own images for {self.name}, got {0 if view.own is None else len(view.own)}")
        part = part_of(view.net, update, view.compute)
        asked, known = (self._measured(part, view, images) for images in (candidates, view.own))
        pairs = zip(asked, known, strict=True)
        return torch.stack([calibrated(one, candidates.labels, other, view.own.labels) for one, other in pairs]).amax(0)

    def _measured(self, part: UpdatedPart, view: AttackerView, images: Labelled) -> Tensor:
        """Each measure that is asked for, of each image (M,N), float64."""
        found = []
        if self.measure != "loss":
            found.append(alignments(part, view, images))
        if self.measure != "alignment":
            found.append(loss_falls(part, view, images))
        return torch.stack(found)


def calibrated(asked_N: Tensor, labels_N: Labels, known_M: Tensor, known_labels_M: Labels) -> Tensor:
    """A measure of N images and of M that were surely not there, with labels -> by how many standard deviations of the latter (N,).

    Those of the image's class, since how far an update turns is for the most part a matter of the class; all where there are fewer than 2.
    """
    found_N = torch.empty_like(asked_N)
    for label in torch.unique(labels_N):
        same_M, wanted_N = known_labels_M == label, labels_N == label
        known = known_M[same_M] if int(same_M.sum()) > 1 else known_M
        found_N[wanted_N] = (asked_N[wanted_N] - known.mean()) / known.std().clamp_min(LEAST)
    return found_N


def alignments(part: UpdatedPart, view: AttackerView, images: Labelled) -> Tensor:
    """An updated part and N images -> the cosine of each one's downhill direction with the update (N,), float64, image by image."""
    moved, parameters, found = torch.cat([went.flatten() for went in part.moved]), part.parameters, list[Tensor]()
    for batch, labels in zip(torch.split(images.images, BATCH), torch.split(images.labels, BATCH), strict=True):
        with torch.no_grad():
            inputs = part.front(view.compute.place(batch))
        losses = (
            functional.cross_entropy(part.start(one), label.unsqueeze(0).to(view.compute.device))
            for one, label in zip(inputs.split(1), labels, strict=True)
        )
        downhill = (-torch.cat([each.flatten() for each in torch.autograd.grad(loss, parameters)]) for loss in losses)
        found += [functional.cosine_similarity(one, moved, dim=0, eps=LEAST).cpu() for one in downhill]
    return torch.stack(found).double()


def loss_falls(part: UpdatedPart, view: AttackerView, images: Labelled) -> Tensor:
    """An updated part and N images -> by how much each one's cross-entropy fell (N,), float64."""
    inputs = apply(part.front, images.images, view.compute)
    before, after = (
        functional.cross_entropy(apply(network, inputs, view.compute).double(), images.labels, reduction="none")
        for network in (part.start, part.after)
    )
    return before - after
