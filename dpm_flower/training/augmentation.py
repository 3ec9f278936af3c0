"""Random shifts and flips of a batch of raw images."""

import torch
from torch import Tensor
from torch.nn import functional

from dpm_flower.core.fitting import Augmentation

SHIFT_PIXELS_PER_SIDE = 8  # an eighth of the side, as CIFAR's 4 of 32 pixels


def augmented(images_BCHW: Tensor, kind: Augmentation, rng: torch.Generator) -> Tensor:
    """Images (B,C,H,W) -> the same, each shifted by up to an eighth of its side (and mirrored with probability 1/2)."""
    if kind == "none":
        return images_BCHW
    batch, channels, height, width = images_BCHW.shape
    pad = max(1, height // SHIFT_PIXELS_PER_SIDE)
    padded = functional.pad(images_BCHW, (pad, pad, pad, pad), mode="replicate")
    offsets = torch.randint(0, 2 * pad + 1, (2, batch, 1, 1, 1), generator=rng)
    rows = (torch.arange(height).view(1, 1, -1, 1) + offsets[0]).expand(batch, channels, height, width + 2 * pad)
    shifted = padded.gather(2, rows.to(padded.device))
    columns = (torch.arange(width).view(1, 1, 1, -1) + offsets[1]).expand(batch, channels, height, width)
    if kind == "shift-flip":
        mirrored = torch.rand(batch, 1, 1, 1, generator=rng) < 0.5
        columns = torch.where(mirrored, columns.flip(3), columns)
    return shifted.gather(3, columns.to(padded.device))
