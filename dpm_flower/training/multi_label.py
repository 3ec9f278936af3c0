"""Training a classifier of several yes-or-no attributes at once."""

from pathlib import Path

import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.fitting import Augmentation, Fitting
from dpm_flower.core.progress import Report, silent
from dpm_flower.training.augmentation import augmented
from dpm_flower.training.loop import Fitted, fit
from dpm_flower.training.losses import multi_label_loss


def train_multi_label(
    network: nn.Module,
    inputs: Tensor,
    attributes_NA: Tensor,
    fitting: Fitting,
    *,
    compute: Compute,
    rng: torch.Generator,
    work: str,
    augment: Augmentation = "none",
    report: Report = silent,
    checkpoint: Path | None = None,
) -> Fitted:
    """Trains `network`, inputs (N,...), images or features -> logits (N,A), by the binary cross-entropy of attributes (N,A)."""
    compute.place_module(network)

    def loss_at(indices: Tensor) -> Tensor:
        with compute.autocast():
            logits = network(compute.place(augmented(inputs[indices], augment, rng)))
        return multi_label_loss(logits.float(), attributes_NA[indices].to(compute.device))

    return fit(
        [network],
        loss_at,
        len(inputs),
        fitting,
        rng=rng,
        work=work,
        report=report,
        checkpoint=checkpoint,
    )
