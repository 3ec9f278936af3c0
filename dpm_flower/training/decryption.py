"""Training a decryptor: encrypted images back into images, encrypted anew at every step."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import Report, silent
from dpm_flower.training.loop import Fitted, fit
from dpm_flower.training.losses import reconstruction_loss


def train_decryptor(
    decryptor: nn.Module,
    images_NCHW: Tensor,
    encrypt: Callable[[Tensor, torch.Generator], Tensor],
    fitting: Fitting,
    *,
    compute: Compute,
    rng: torch.Generator,
    report: Report = silent,
    checkpoint: Path | None = None,
) -> Fitted:
    """Trains `decryptor` to undo `encrypt`, which takes images (B,C,H,W) and where its randomness comes from, on images (N,C,H,W)."""
    compute.place_module(decryptor)

    def loss_at(indices: Tensor) -> Tensor:
        images = images_NCHW[indices]
        encrypted = compute.place(encrypt(images, rng))
        with compute.autocast():
            guesses = decryptor(encrypted)
        return reconstruction_loss(compute.place(images), guesses.float())

    return fit([decryptor], loss_at, len(images_NCHW), fitting, rng=rng, work="decryptor", report=report, checkpoint=checkpoint)
