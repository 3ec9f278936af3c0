"""Classification training: a whole network on images, or a decider on features."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpm_flower.core.compute import Compute
from dpm_flower.core.fitting import Augmentation, Fitting
from dpm_flower.core.progress import Report, silent
from dpm_flower.training.augmentation import augmented
from dpm_flower.training.loop import Fitted, Stretch, fit
from dpm_flower.training.losses import label_loss, proximal_term
from dpm_flower.training.row_store import Rows


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Inputs (N,...), images or features, with labels (N,) or yes-or-no attributes (N,A), 1, 0 or 255 (unknown)."""

    inputs: Rows
    labels: Tensor


def train_classifier(
    network: nn.Module,
    examples: Examples,
    fitting: Fitting,
    *,
    compute: Compute,
    rng: torch.Generator,
    work: str,
    augment: Augmentation = "none",
    proximal_mu: float = 0.0,
    penalty: Callable[[], Tensor] | None = None,
    weights: Tensor | None = None,
    validate: Callable[[], float] | None = None,
    report: Report = silent,
    checkpoint: Path | None = None,
    stretch: Stretch | None = None,
) -> Fitted:
    """Trains `network` by cross-entropy (equation 1) on examples (N,...), (N,); with `proximal_mu` it is held near its start.

    Of attributes it is the binary cross-entropy. A `penalty` is added to the loss; `weights` (N,), for labels, say how much each counts.
    """
    compute.place_module(network)
    trained = [p for p in network.parameters() if p.requires_grad]
    start = [p.detach().clone() for p in trained] if proximal_mu else []

    def loss_at(indices: Tensor) -> Tensor:
        inputs = compute.place(augmented(examples.inputs[indices], augment, rng))
        with compute.autocast():
            logits = network(inputs)
        loss = _cross_entropy(logits.float(), examples.labels[indices].to(compute.device), None if weights is None else weights[indices])
        if penalty is not None:
            loss = loss + penalty()
        return loss + proximal_mu * proximal_term(list(trained), start) if proximal_mu else loss

    return fit(
        [network],
        loss_at,
        len(examples.inputs),
        fitting,
        rng=rng,
        work=work,
        report=report,
        validate=validate,
        checkpoint=checkpoint,
        stretch=stretch,
    )


def _cross_entropy(logits_BK: Tensor, labels_B: Tensor, weights_B: Tensor | None) -> Tensor:
    """The mean over the batch, each example as often as its weight says."""
    if weights_B is None:
        return label_loss(logits_BK, labels_B)
    return (functional.cross_entropy(logits_BK, labels_B, reduction="none") * weights_B.to(logits_BK.device)).mean()
