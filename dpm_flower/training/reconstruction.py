"""Training a reconstructor: features back into images."""

from pathlib import Path

import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import Report, silent
from dpm_flower.training.loop import Fitted, fit
from dpm_flower.training.losses import reconstruction_loss
from dpm_flower.training.row_store import Rows


def train_reconstructor(
    reconstructor: nn.Module,
    features_NChw: Rows,
    images_NCHW: Tensor,
    fitting: Fitting,
    *,
    compute: Compute,
    rng: torch.Generator,
    report: Report = silent,
    checkpoint: Path | None = None,
) -> Fitted:
    """Trains `reconstructor` to undo the featurizer: features (N,C,h,w) -> images (N,3,H,W). Source: Deep Poisoning, equation 3."""
    compute.place_module(reconstructor)

    def loss_at(indices: Tensor) -> Tensor:
        with compute.autocast():
            guesses = reconstructor(compute.place(features_NChw[indices]))
        return reconstruction_loss(compute.place(images_NCHW[indices]), guesses.float())

    return fit([reconstructor], loss_at, len(images_NCHW), fitting, rng=rng, work="reconstructor", report=report, checkpoint=checkpoint)
