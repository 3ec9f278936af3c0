"""A two-stage detector's response: features -> what it says at every anchor and of proposals, and how far two responses lie apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork, concat_box_prediction_layers

from dpm_flower.core.errors import SettingError
from dpm_flower.nets.detector_split import DetectionDecider

BETA = 1 / 9  # where a box's distance turns from squared to absolute: torchvision's own, in its losses of both stages
DELTAS = 4  # numbers that move an anchor or a proposal


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """Of B images: objectness (B,A) and deltas (B,A,4) at all anchors; of each image its proposals (P,4), classes (P,K+1) and deltas
    of each class (P,K+1,4). Objectness and classes are logits, class 0 the background.
    """

    objectness: Tensor
    deltas: Tensor
    proposals: tuple[Tensor, ...]
    classes: tuple[Tensor, ...]
    class_deltas: tuple[Tensor, ...]

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Responses to several batches -> the one to all of their images."""
        return cls(
            torch.cat([part.objectness for part in parts]),
            torch.cat([part.deltas for part in parts]),
            tuple(each for part in parts for each in part.proposals),
            tuple(each for part in parts for each in part.classes),
            tuple(each for part in parts for each in part.class_deltas),
        )

    def at(self, indices_B: Tensor) -> "Response":
        """The response to the images at `indices`."""
        proposals, classes, deltas = (
            tuple(values[i] for i in indices_B.tolist()) for values in (self.proposals, self.classes, self.class_deltas)
        )
        return Response(self.objectness[indices_B], self.deltas[indices_B], proposals, classes, deltas)

    def to(self, device: torch.device) -> "Response":
        """The same on a device."""
        proposals, classes, deltas = (
            tuple(each.to(device) for each in values) for values in (self.proposals, self.classes, self.class_deltas)
        )
        return Response(self.objectness.to(device), self.deltas.to(device), proposals, classes, deltas)


@dataclass(frozen=True, slots=True, eq=False)
class TwoStages:
    """A decider, with the two parts of its detector that respond: who proposes boxes, and who looks into them."""

    decider: DetectionDecider
    proposing: RegionProposalNetwork
    looking: RoIHeads

    @classmethod
    def of(cls, decider: DetectionDecider) -> Self:
        """Raises SettingError for a detector of one stage."""
        proposing, looking = (getattr(decider.detector, name, None) for name in ("rpn", "roi_heads"))
        if not isinstance(proposing, RegionProposalNetwork) or not isinstance(looking, RoIHeads):
            raise SettingError(
                f"a response is that of a detector which proposes boxes (Faster R-CNN), got {type(decider.detector).__name__}: "
                "wanted the equivalence labels or activations for it"
            )
        return cls(decider, proposing, looking)

    def response(self, features_BChw: Tensor, proposals: Sequence[Tensor] | None = None) -> Response:
        """Features, and which boxes to look into (None: its own proposals for them) -> the response, with a way back to the features.

        The decider is frozen, in evaluation mode.
        """
        maps, sizes = dict(self.decider.maps(features_BChw)), [self.decider.size] * len(features_BChw)
        objectness, deltas = concat_box_prediction_layers(*self.proposing.head(list(maps.values())))
        if proposals is None:
            blank = features_BChw.new_zeros(len(features_BChw), 3, *self.decider.size)
            proposals, _ = self.proposing(ImageList(blank, sizes), maps)
        looked = self.looking.box_head(self.looking.box_roi_pool(maps, list(proposals), sizes))
        classes, class_deltas = self.looking.box_predictor(looked)
        counts = [len(each) for each in proposals]
        return Response(
            objectness.reshape(len(features_BChw), -1),
            deltas.reshape(len(features_BChw), -1, DELTAS),
            tuple(proposals),
            tuple(classes.split(counts)),
            tuple(class_deltas.reshape(*classes.shape, DELTAS).split(counts)),
        )


def response_loss(response: Response, wanted: Response) -> Tensor:
    """Two responses, of the same proposals -> how far the first lies from the second, a scalar; 0 = nowhere.

    Kullback-Leibler divergences of objectness and classes, and smooth L1 of deltas, each delta as much as the wanted response is sure
    that there is something to move. Nearly all anchors lie on background, where both are sure and deltas mean nothing: at the anchors
    everything is counted per thing that the wanted response sees, not per anchor, or the few that matter would be averaged away.
    """
    there = torch.sigmoid(wanted.objectness)
    things = there.sum().clamp_min(1)
    classes, wanted_classes = torch.cat(response.classes), torch.cat(wanted.classes)
    probabilities = functional.softmax(wanted_classes, 1)
    foreground = probabilities[:, 1:]
    logs = functional.log_softmax(classes, 1), functional.log_softmax(wanted_classes, 1)
    anchors = _binary_divergence(response.objectness, wanted.objectness).sum() + (there * _moved(response.deltas, wanted.deltas)).sum()
    moved = _moved(torch.cat(response.class_deltas)[:, 1:], torch.cat(wanted.class_deltas)[:, 1:])
    looked = (probabilities * (logs[1] - logs[0])).sum() / max(1, len(classes))
    return anchors / things + looked + (foreground * moved).sum() / foreground.sum().clamp_min(1)


def _binary_divergence(logits: Tensor, wanted: Tensor) -> Tensor:
    """Logits of yes or no, and those wanted, of one shape -> the Kullback-Leibler divergence of each."""
    yes, no = functional.logsigmoid(wanted), functional.logsigmoid(-wanted)
    return yes.exp() * (yes - functional.logsigmoid(logits)) + no.exp() * (no - functional.logsigmoid(-logits))


def _moved(deltas: Tensor, wanted: Tensor) -> Tensor:
    """Deltas (...,4) twice -> their distance (...), summed over the four."""
    return functional.smooth_l1_loss(deltas, wanted, beta=BETA, reduction="none").sum(-1)
