"""Training a matcher: what was released for an image finds that image's own features among those of a batch."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpm_flower.core.compute import Compute
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import Report, silent
from dpm_flower.training.loop import Fitted, fit


def matching_loss(scores_BB: Tensor) -> Tensor:
    """How alike B releases (rows) and B candidates are, in the same order (B,B) -> cross-entropy both ways, a scalar.

    The others of the batch are what each one is not. Source: InfoNCE (van den Oord et al., arXiv 1807.03748, equation 4), symmetric
    as in CLIP (Radford et al., arXiv 2103.00020, figure 3).
    """
    own_B = torch.arange(len(scores_BB), device=scores_BB.device)
    return (functional.cross_entropy(scores_BB, own_B) + functional.cross_entropy(scores_BB.T, own_B)) / 2


def train_matcher(
    matcher: nn.Module,
    released: Sequence[Tensor],
    candidates_NChw: Tensor,
    fitting: Fitting,
    *,
    compute: Compute,
    rng: torch.Generator,
    report: Report = silent,
    checkpoint: Path | None = None,
) -> Fitted:
    """Trains `matcher` to pair what each of several modules released for N images, (N,C,h,w) each, with the images' features (N,C,h,w).

    Each image of a batch is seen through one of the modules, drawn anew at every step: no image is among its own others.
    """
    compute.place_module(matcher)

    def loss_at(indices: Tensor) -> Tensor:
        modules = torch.randint(len(released), (len(indices),), generator=rng).tolist()
        seen = torch.stack([released[module][index] for module, index in zip(modules, indices.tolist(), strict=True)])
        with compute.autocast():
            scores = matcher(compute.place(seen), compute.place(candidates_NChw[indices]))
        return matching_loss(scores.float())

    return fit([matcher], loss_at, len(candidates_NChw), fitting, rng=rng, work="matcher", report=report, checkpoint=checkpoint)
