"""The loss of a set of boxes that come in no order: each thing is matched with one token, and all other tokens are to say nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import box_convert, generalized_box_iou, generalized_box_iou_loss

from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.nets.detector_split import Size, Target
from dpm_flower.nets.yolos import NOTHING, Answers, Yolos, detected

HOPELESS = 1e6  # the cost of a match that is not a number: training that went astray is told of by its loss


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLoss:
    """What a class, a distance of corners (L1) and an overlap (generalised IoU) weigh in matching and in the loss, and how much less
    a token counts that is to say `nothing`, of which there are many.

    Raises SettingError for a weight that is not above 0. Source: DETR (arXiv 2005.12872), whose weights these are.
    """

    label: float = 1.0
    distance: float = 5.0
    overlap: float = 2.0
    nothing: float = 0.1

    def __post_init__(self) -> None:
        if not min(self.label, self.distance, self.overlap, self.nothing) > 0:
            raise SettingError(f"wanted weights above 0, got {self}")

    def __call__(self, answers: Answers, targets: Sequence[Target], size: Size) -> dict[str, Tensor]:
        """What tokens say, the boxes (corners in pixels) and labels from 1 of each image, and the images' size -> losses by name, weighted.

        The cross-entropy is a mean over tokens, by their weights; the other two are means over the things in all images.
        Raises ShapeError for targets of another number of images.
        """
        logits, boxes = answers.logits, answers.boxes
        things = [_shares(target["boxes"], size) for target in targets]
        pairs = self.matched(answers, targets, size)
        wanted_BT = torch.full(logits.shape[:2], NOTHING, dtype=torch.int64, device=logits.device)
        for row, ((tokens, chosen), target) in enumerate(zip(pairs, targets, strict=True)):
            wanted_BT[row, tokens] = target["labels"][chosen]
        weights = logits.new_ones(logits.shape[2])
        weights[NOTHING] = self.nothing
        said = torch.cat([boxes[row, tokens] for row, (tokens, _) in enumerate(pairs)])
        true = torch.cat([each[chosen] for each, (_, chosen) in zip(things, pairs, strict=True)])
        count = max(1, sum(map(len, things)))
        apart = generalized_box_iou_loss(_corners(said), _corners(true), reduction="sum")
        return {
            "label": self.label * functional.cross_entropy(logits.flatten(0, 1), wanted_BT.flatten(), weights),
            "distance": self.distance * functional.l1_loss(said, true, reduction="sum") / count,
            "overlap": self.overlap * apart / count,
        }

    @torch.no_grad()
    def matched(self, answers: Answers, targets: Sequence[Target], size: Size) -> list[tuple[Tensor, Tensor]]:
        """As for the loss -> of each image which tokens (M,) are matched with which of its things (M,), at the least cost in all.

        Where there are more things than tokens, as many are matched as there are tokens.
        """
        if len(targets) != len(answers.logits):
            raise ShapeError(f"wanted the boxes of {len(answers.logits)} images, got those of {len(targets)}")
        pairs = []
        for logits, boxes, target in zip(answers.logits, answers.boxes, targets, strict=True):
            costs_TM = self.costs(logits, boxes, _shares(target["boxes"], size), target["labels"])
            found = linear_sum_assignment(costs_TM.nan_to_num(HOPELESS, HOPELESS, -HOPELESS).double().cpu().numpy())
            tokens, chosen = (torch.as_tensor(each, dtype=torch.int64, device=boxes.device) for each in found)
            pairs.append((tokens, chosen))
        return pairs

    def costs(self, logits_TK: Tensor, boxes_T4: Tensor, things_M4: Tensor, labels_M: Tensor) -> Tensor:
        """One image's answers, and its things as shares of the image -> what each match would cost (T,M)."""
        likely_TM = logits_TK.softmax(1)[:, labels_M]
        apart_TM = torch.cdist(boxes_T4, things_M4, p=1)
        overlap_TM: Tensor = generalized_box_iou(_corners(boxes_T4), _corners(things_M4))
        return self.label * -likely_TM + self.distance * apart_TM - self.overlap * overlap_TM


USUAL = SetLoss()


class SetDetector(nn.Module):
    """A network whose tokens say what is where, called as torchvision's detectors are: it can be trained and asked as they can."""

    def __init__(self, network: Yolos, loss: SetLoss = USUAL) -> None:
        super().__init__()
        self.network = network
        self.loss = loss

    def forward(self, images_BCHW: Tensor, targets: Sequence[Target] | None = None) -> dict[str, Tensor] | list[Target]:
        """Images (B,3,H,W), and in training mode the boxes in them -> losses by name; detections (boxes, labels, scores) otherwise.

        Raises ShapeError for training without targets.
        """
        answers: Answers = self.network(images_BCHW)
        size = (images_BCHW.shape[2], images_BCHW.shape[3])
        if not self.training:
            return detected(answers, size)
        if targets is None:
            raise ShapeError(f"wanted the boxes of {len(images_BCHW)} images to train with, got none")
        return self.loss(answers, targets, size)


def _shares(corners_M4: Tensor, size: Size) -> Tensor:
    """Corners in pixels -> centre, width and height as shares of the image's."""
    height, width = size
    shares: Tensor = box_convert(corners_M4 / corners_M4.new_tensor([width, height, width, height]), "xyxy", "cxcywh")
    return shares


def _corners(shares_M4: Tensor) -> Tensor:
    corners: Tensor = box_convert(shares_M4, "cxcywh", "xyxy")
    return corners
