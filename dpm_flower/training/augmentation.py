"""Random shifts and flips of a batch of raw images."""

import torch
from torch import Tensor

from dpm_flower.core.fitting import Augmentation

SHIFT_PIXELS_PER_SIDE = 8  # an eighth of the side, as CIFAR's 4 of 32 pixels


def augmented(images_BCHW: Tensor, kind: Augmentation, rng: torch.Generator) -> Tensor:
    """Images (B,C,H,W), bytes or floats -> the same, each shifted by up to an eighth of its side (and mirrored with probability 1/2).

    What a shift uncovers repeats the border.
    """
    if kind == "none":
        return images_BCHW
    batch, channels, height, width = images_BCHW.shape
    most = max(1, height // SHIFT_PIXELS_PER_SIDE)
    offsets = torch.randint(-most, most + 1, (2, batch, 1, 1, 1), generator=rng)
    rows = (torch.arange(height).view(1, 1, -1, 1) + offsets[0]).clamp(0, height - 1)
    columns = (torch.arange(width).view(1, 1, 1, -1) + offsets[1]).clamp(0, width - 1)
    if kind == "shift-flip":
        mirrored = torch.rand(batch, 1, 1, 1, generator=rng) < 0.5
        columns = torch.where(mirrored, columns.flip(3), columns)
    shifted = images_BCHW.gather(2, rows.expand(batch, channels, height, width).to(images_BCHW.device))
    return shifted.gather(3, columns.expand(batch, channels, height, width).to(images_BCHW.device))
