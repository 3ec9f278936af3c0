"""Images with attributes that can be seen in them: what trainings with attributes are tried on, in small."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from dpm_flower.core.labelled import Labelled
from dpm_flower.training.privacy import PrivacyTerm
from tests.training.toys import SIDE, pictures

BLUE, RED = 0, 1  # columns; half of the images have the one, half of these and of the others the other


def faces(count: int, seed: int = 0) -> Labelled:
    """As `pictures`, blue in the upper half in those that have the first attribute, red in the lower half in those with the second."""
    plain = pictures(count, seed)
    attributes = torch.stack([torch.arange(count) // 2 % 2, torch.arange(count) // 4 % 2], 1).to(torch.uint8)
    images = plain.images.clone()
    for column, (rows, colour) in enumerate(((slice(0, SIDE // 2), 2), (slice(SIDE // 2, None), 0))):
        has = attributes[:, column] == 1
        images[:, :, rows] = torch.where(has.view(-1, 1, 1, 1), _tinted(images[:, :, rows], colour), images[:, :, rows])
    return Labelled(images, plain.labels, plain.classes, attributes)


def _tinted(rows_NChW: Tensor, colour: int) -> Tensor:
    tinted = 0.5 * rows_NChW
    tinted[:, colour] = 1.0
    return tinted


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept(PrivacyTerm):
    """A term that keeps the readers that it made."""

    readers: list = field(default_factory=list, repr=False, compare=False)

    def reader(self, *given):
        self.readers.append(PrivacyTerm.reader(self, *given))
        return self.readers[-1]
