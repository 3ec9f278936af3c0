"""What batch norms tell of the images behind a model update: the mean and variance of each channel that they were fed with."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dpm_flower.attacks.updated_part import UpdatedPart
from dpm_flower.nets.batch_norms import batch_norms

LEAST_SHARE = 1e-3  # of a norm's mean variance, that every channel's counts as having: a dead one must not outweigh all others
LEAST = 1e-8  # of a variance: a root has no slope at nothing


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Means and variances (C,) of the channels of a batch."""

    means: Tensor
    variances: Tensor


def told_statistics(part: UpdatedPart) -> dict[str, Statistics]:
    """An updated part -> what each of its batch norms was fed with in the local steps, by the norm's name; none where none took a step.

    At every step a norm mixes the batch's statistics into its running ones, by a momentum that everybody knows, and counts the steps.
    After one step the batch's come out exactly, after several their mean, in which later steps weigh more.
    """
    after, found = batch_norms(part.after), dict[str, Statistics]()
    for name, norm in batch_norms(part.start).items():
        steps = _steps(after[name]) - _steps(norm)
        if steps > 0 and norm.momentum:  # of none, or of one that keeps nothing of a batch, nothing can be told
            kept = (1 - norm.momentum) ** steps
            means, variances = (
                (getattr(after[name], running) - kept * getattr(norm, running)) / (1 - kept) for running in ("running_mean", "running_var")
            )
            found[name] = Statistics(means, variances.clamp_min(0))
    return found


def watched(network: nn.Module, told: Mapping[str, Statistics]) -> dict[str, Statistics]:
    """A network, and batch norms of it by name -> what those are fed with, noted anew whenever the network is asked."""
    seen = dict[str, Statistics]()

    def note(name: str, norm: nn.Module, given: tuple[Tensor, ...]) -> None:  # noqa: ARG001  # torch's arguments
        variances, means = torch.var_mean(given[0].transpose(0, 1).flatten(1), 1)
        seen[name] = Statistics(means, variances)

    for name, norm in batch_norms(network).items():
        if name in told:
            norm.register_forward_pre_hook(functools.partial(note, name))
    return seen


def statistics_mismatch(seen: Mapping[str, Statistics], told: Mapping[str, Statistics]) -> Tensor:
    """What batch norms are fed with, and what they were told to have been -> how far both are apart, a scalar; 0 = the same, or none told.

    The squared differences of means and of standard deviations, in units of the variance that was told, as a mean over channels and norms.
    Source: Yin et al., arXiv 2104.07586, who compare with the running statistics of all training.
    """
    if not told:
        return torch.zeros(())
    return torch.stack([_apart(seen[name], wanted) for name, wanted in told.items()]).mean()


def _steps(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> int:
    """How many batches a norm has counted."""
    return 0 if norm.num_batches_tracked is None else int(norm.num_batches_tracked)


def _apart(seen: Statistics, told: Statistics) -> Tensor:
    scale = told.variances + LEAST_SHARE * told.variances.mean() + LEAST
    deviations = (seen.variances + LEAST).sqrt() - (told.variances + LEAST).sqrt()
    return (((seen.means - told.means).square() + deviations.square()) / scale).mean()
