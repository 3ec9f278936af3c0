"""Training a segmenter on photographs with masks, and asking it."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import Report, silent
from dpm_flower.training.loop import Fitted, Stretch, fit
from dpm_flower.training.prediction import apply
from dpm_flower.training.turning import turned

ASKED = 8  # pictures at a time: of 256 x 256 pixels, a U-Net's maps of one take 20 MB


def segmentation_loss(logits_B1HW: Tensor, masks_B1HW: Tensor, dice: float = 0.0) -> Tensor:
    """Logits (B,1,H,W) and masks of 0 and 1 -> cross-entropy by pixel, and `dice` times 1 - the soft Dice of the whole batch, a scalar."""
    entropy = functional.binary_cross_entropy_with_logits(logits_B1HW, masks_B1HW)
    if not dice:
        return entropy
    said = torch.sigmoid(logits_B1HW)
    overlap = (2 * (said * masks_B1HW).sum() + 1) / (said.sum() + masks_B1HW.sum() + 1)  # 1: where there is nothing, nothing is right
    return entropy + dice * (1 - overlap)


def train_segmenter(
    segmenter: nn.Module,
    images_NCHW: Tensor,
    masks_N1HW: Tensor,
    fitting: Fitting,
    *,
    compute: Compute,
    rng: torch.Generator,
    dice: float = 0.0,
    report: Report = silent,
    stretch: Stretch | None = None,
) -> Fitted:
    """Trains `segmenter`, images (B,C,H,W) -> logits (B,1,H,W), on square images with masks (N,1,H,W) of 0 and 1.

    Each pair is turned by quarters and mirrored at random. `stretch`: see `training.loop.fit`. Raises SettingError for a
    negative weight of Dice.
    """
    if not dice >= 0:
        raise SettingError(f"dice must be >= 0, got {dice}")
    compute.place_module(segmenter)

    def loss_at(indices: Tensor) -> Tensor:
        images, masks = turned([images_NCHW[indices], masks_N1HW[indices]], rng)
        with compute.autocast():
            logits = segmenter(compute.place(images))
        return segmentation_loss(logits.float(), masks.to(compute.device).float(), dice)

    return fit([segmenter], loss_at, len(images_NCHW), fitting, rng=rng, work="segmenter", report=report, stretch=stretch)


def segmented(segmenter: nn.Module, images_NCHW: Tensor, compute: Compute) -> Tensor:
    """Images (N,C,H,W), bytes or floats -> how probably each pixel belongs to what the masks show (N,1,H,W), on the CPU."""
    return torch.cat([torch.sigmoid(apply(segmenter, images, compute)) for images in torch.split(images_NCHW, ASKED)])
