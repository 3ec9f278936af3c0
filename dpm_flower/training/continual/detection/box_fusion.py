"""Weighted boxes fusion: what several detectors say of one image -> what they say together."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torchvision.ops import box_iou

from dpm_flower.core.errors import SettingError
from dpm_flower.nets.detector_split import Target

OVERLAP = 0.55  # the source's: boxes of one class that overlap their mean by more are one thing


@dataclass(slots=True, eq=False)
class _Thing:
    """Boxes that are taken for one thing, at most one of each member: with how much each counts, and their mean, weighted by it."""

    mean: Tensor
    boxes: list[Tensor] = field(default_factory=list)
    counts: list[float] = field(default_factory=list)
    members: set[int] = field(default_factory=set)

    def join(self, box: Tensor, count: float, member: int) -> None:
        """A box more."""
        self.boxes.append(box)
        self.counts.append(count)
        self.members.add(member)
        if len(self.boxes) > 1:  # one box is its own mean, to the last bit
            counts = torch.tensor(self.counts)
            self.mean = (torch.stack(self.boxes) * counts.unsqueeze(1)).sum(0) / counts.sum()


def fused(said: Sequence[Target], weights: Sequence[float], overlap: float = OVERLAP) -> Target:
    """Detections of one image by each of L members, and how much each member counts -> fused detections, the surest first.

    Boxes of one class that overlap become their mean, weighted by score times weight; its score is the sum of these over the weights
    of all members, so that what few members see is less sure. One member comes back as it is. Source: Solovyev et al. 2019
    (arXiv 1910.13302), but for one thing: no two boxes of one member are fused, which its own detector has told apart.
    Raises SettingError unless there is one weight above 0 for each member.
    """
    if not said or len(said) != len(weights) or not all(weight > 0 for weight in weights):
        raise SettingError(f"wanted a weight above 0 for each of {len(said)} members, got {list(weights)}")
    total, boxes, labels, scores = sum(weights), list[Tensor](), list[int](), list[float]()
    for kind in sorted({int(label) for one in said for label in one["labels"]}):
        for thing in _things(said, weights, kind, overlap):
            boxes.append(thing.mean)
            labels.append(kind)
            scores.append(sum(thing.counts) / total)
    if not boxes:
        return {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64), "scores": torch.zeros(0)}
    surest = torch.tensor(scores).argsort(descending=True, stable=True)
    return {"boxes": torch.stack(boxes)[surest], "labels": torch.tensor(labels)[surest], "scores": torch.tensor(scores)[surest]}


def _things(said: Sequence[Target], weights: Sequence[float], kind: int, overlap: float) -> list[_Thing]:
    """All boxes of one class, the most counting first, each joins the thing that it overlaps most, or is a new one."""
    queue = [
        (weight * score, member, box)
        for member, (one, weight) in enumerate(zip(said, weights, strict=True))
        for box, label, score in zip(one["boxes"], one["labels"].tolist(), one["scores"].tolist(), strict=True)
        if label == kind
    ]
    things = list[_Thing]()
    for count, member, box in sorted(queue, key=lambda each: -each[0]):
        free = [thing for thing in things if member not in thing.members]
        alike = box_iou(box.unsqueeze(0), torch.stack([thing.mean for thing in free]))[0] if free else torch.zeros(1)
        best = int(alike.argmax())
        if float(alike[best]) > overlap:
            free[best].join(box, count, member)
        else:
            things.append(thing := _Thing(box))
            thing.join(box, count, member)
    return things
