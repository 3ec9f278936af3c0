"""Detection training: a whole detector on images, or a decider on features, each with the boxes in it; and asking a decider."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeAlias

import torch
from torch import Tensor, nn

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import ShapeError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import Report, silent
from dpm_flower.nets.detector_split import Target
from dpm_flower.nets.tracing import in_mode
from dpm_flower.training.loop import Fitted, Stretch, fit
from dpm_flower.training.prediction import apply
from dpm_flower.training.row_store import Rows

BACKGROUND = 1  # classes that a detector counts before ours: it gives 0 to what is no thing
ASKED = 32  # inputs at a time: of an image of 120 x 160 pixels, a reconstructor's maps take 4 MB

Boxes: TypeAlias = tuple[Tensor, ...]  # of each image (M_i,4), corners in pixels
BoxAugment: TypeAlias = Callable[[Tensor, Sequence[Tensor], torch.Generator], tuple[Tensor, Sequence[Tensor]]]  # of a batch of images


@dataclass(frozen=True, slots=True, eq=False)
class BoxedExamples:
    """Inputs (N,...), images or features, each with the boxes (M_i,4) in its image and what is in them (M_i,), classes from 0.

    Raises ShapeError for other numbers of boxes or labels than of inputs.
    """

    inputs: Rows
    boxes: Boxes
    labels: tuple[Tensor, ...]

    def __post_init__(self) -> None:
        if not len(self.inputs) == len(self.boxes) == len(self.labels):
            raise ShapeError(
                f"wanted boxes and labels of {len(self.inputs)} inputs, got those of {len(self.boxes)} and of {len(self.labels)}"
            )

    @classmethod
    def of(cls, boxed: Boxed, features_NChw: Tensor | None = None) -> Self:
        """Images with boxes -> themselves as examples, or their features with the same boxes."""
        return cls(boxed.images if features_NChw is None else features_NChw, boxed.boxes, boxed.labels)

    def with_more(self, others: Self) -> Self:
        """These and others of the same kind, as one set; inputs of both are tensors."""
        inputs = torch.cat([self.inputs[torch.arange(len(self.inputs))], others.inputs[torch.arange(len(others.inputs))]])
        return type(self)(inputs, self.boxes + others.boxes, self.labels + others.labels)

    def targets(self, indices_B: Tensor, device: torch.device) -> list[Target]:
        """The boxes and labels of the inputs at `indices`, as torchvision's detectors want them: labels count from 1."""
        chosen = indices_B.tolist()
        return _targets([self.boxes[i] for i in chosen], [self.labels[i] for i in chosen], device)


def train_detector(
    network: nn.Module,
    examples: BoxedExamples,
    fitting: Fitting,
    *,
    compute: Compute,
    rng: torch.Generator,
    work: str,
    augment: BoxAugment | None = None,
    penalty: Callable[[], Tensor] | None = None,
    report: Report = silent,
    checkpoint: Path | None = None,
    stretch: Stretch | None = None,
) -> Fitted:
    """Trains `network`, inputs (B,...) and targets -> losses by name, on the sum of these: a whole detector, or a decider on features.

    `augment` turns a batch of images with its boxes; features are never augmented. `penalty` is added to the losses at every step.
    Batch statistics are learnt, as they are where a classifier's decider is refined. Everything is computed in float32: bfloat16 knows
    pixels beyond 128 only in twos, and anchors would move. The samplers of proposals draw from torch's global generator, which `fit`
    has forked from `rng`.
    """
    compute.place_module(network)

    def loss_at(indices: Tensor) -> Tensor:
        chosen, inputs = indices.tolist(), examples.inputs[indices]
        boxes: Sequence[Tensor] = [examples.boxes[i] for i in chosen]
        if augment is not None:
            inputs, boxes = augment(inputs, boxes, rng)
        loss = summed(network(compute.place(inputs), _targets(boxes, [examples.labels[i] for i in chosen], compute.device)))
        return loss if penalty is None else loss + penalty()

    return fit(
        [network],
        loss_at,
        len(examples.inputs),
        fitting,
        rng=rng,
        work=work,
        report=report,
        checkpoint=checkpoint,
        stretch=stretch,
    )


def _targets(boxes: Sequence[Tensor], labels: Sequence[Tensor], device: torch.device) -> list[Target]:
    return [{"boxes": one.to(device), "labels": kinds.to(device) + BACKGROUND} for one, kinds in zip(boxes, labels, strict=True)]


def summed(losses: dict[str, Tensor]) -> Tensor:
    """A detector's losses by name -> their sum, a scalar."""
    return torch.stack(list(losses.values())).sum()


def through(network: nn.Module, inputs: Tensor, compute: Compute) -> Tensor:
    """A network and inputs (N,...), images of detectors or their features -> its outputs, float32 on the CPU; a few at a time."""
    return torch.cat([apply(network, few, compute) for few in torch.split(inputs, ASKED)])


@torch.no_grad()
def detections(decider: nn.Module, features_NChw: Tensor, compute: Compute) -> list[Target]:
    """Features (N,C,h,w) -> of each image its boxes (M,4), labels (M,) from 1 and scores (M,), the surest first, on the CPU.

    A whole detector is asked in the same way, with images as floats. It answers in evaluation mode, and each of its parts is then in
    the mode that it had.
    """
    found: list[Target] = []
    with in_mode(decider, training=False):
        for batch in torch.split(features_NChw, ASKED):
            found.extend({name: value.cpu() for name, value in one.items()} for one in decider(compute.place(batch.float())))
    return found
