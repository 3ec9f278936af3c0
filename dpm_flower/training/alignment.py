"""Training a substitute for an unknown module: what it makes of known features comes to be distributed as what was released."""

from pathlib import Path

import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import TrainingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import Labels
from dpm_flower.core.progress import Report, silent
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.training.loop import Fitted, fit

SCALES = (0.25, 0.5, 1.0, 2.0, 4.0)  # of the kernels, in units of the median squared distance between two releases
FAINTEST = 1e-3  # standard deviation of a channel: one that says less is not blown up


def train_substitute(
    substitute: nn.Module,
    known: SharedFeatures,
    released: SharedFeatures,
    fitting: Fitting,
    *,
    compute: Compute,
    rng: torch.Generator,
    report: Report = silent,
    checkpoint: Path | None = None,
) -> Fitted:
    """Trains `substitute` so that what it makes of known features is, class by class, distributed as what was released.

    No pair of a feature and what was released for it is needed. Each batch of known features meets released ones of the same
    classes; a class that was not released meets any. Raises TrainingError for a release without features. Source: FORA, arXiv
    2405.04115, whose alignment knows no classes.
    """
    if not len(released.labels):
        raise TrainingError("wanted a release of at least one image to align with, got none")
    compute.place_module(substitute)
    deviations_C11 = released.features.std((0, 2, 3), correction=0).clamp_min(FAINTEST)[:, None, None].to(compute.device)

    def loss_at(indices: Tensor) -> Tensor:
        labels = known.labels[indices]
        theirs = compute.place(released.features[drawn_of(labels, released.labels, rng)])
        with compute.autocast():
            ours = substitute(compute.place(known.features[indices]))
        return discrepancy((ours.float() / deviations_C11).flatten(1), (theirs / deviations_C11).flatten(1), labels.to(compute.device))

    return fit([substitute], loss_at, len(known.labels), fitting, rng=rng, work="substitute", report=report, checkpoint=checkpoint)


def drawn_of(wanted_B: Labels, labels_N: Labels, rng: torch.Generator) -> Tensor:
    """Class numbers (B,), and those of N images -> for each the index of a random image of its class, of any if there is none (B,)."""
    order = labels_N.argsort(stable=True)
    ends = torch.searchsorted(labels_N[order], wanted_B, right=True)
    starts = torch.searchsorted(labels_N[order], wanted_B)
    missing = starts == ends
    starts, ends = starts.masked_fill(missing, 0), ends.masked_fill(missing, len(labels_N))
    drawn = torch.rand(len(wanted_B), generator=rng, dtype=torch.float64)
    return order[starts + (drawn * (ends - starts)).long()]


def discrepancy(ours_BA: Tensor, theirs_BA: Tensor, labels_B: Labels) -> Tensor:
    """Two samples (B,A) with the same labels (B,) in the same order -> their squared maximum mean discrepancy, a scalar; 0 = alike.

    The kernel is a sum of Gaussians of several widths, and 0 between different classes: samples are alike if they are so class by
    class. Source: Gretton et al., Journal of Machine Learning Research 13 (2012), equation 5.
    """
    both = torch.cat([ours_BA, theirs_BA])
    squared = (both.square().sum(1)[:, None] + both.square().sum(1) - 2 * both @ both.T).clamp_min(0)
    among_theirs = squared[len(ours_BA) :, len(ours_BA) :].detach()
    apart = among_theirs[~torch.eye(len(theirs_BA), dtype=torch.bool, device=both.device)]
    width = apart.median().clamp_min(FAINTEST) if len(apart) else torch.ones((), device=both.device)
    kernel = torch.stack([(-squared / (scale * width)).exp() for scale in SCALES]).sum(0)
    alike = (labels_B[:, None] == labels_B).float()
    count = len(ours_BA)
    within = kernel[:count, :count] + kernel[count:, count:]
    return ((within - 2 * kernel[:count, count:]) * alike).sum() / alike.sum()
