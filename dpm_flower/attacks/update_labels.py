"""The labels behind a model update, read from where its last layer's biases went."""

import torch
from torch import Tensor, nn

from dpm_flower.attacks.updated_part import UpdatedPart
from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.labelled import Labels
from dpm_flower.data.stratified import apportion


def inferred_labels(part: UpdatedPart, answers_K: Tensor, count: int) -> Labels:
    """An updated part, the mean probabilities (K,) that its start gives to images of the task, and a number of images -> labels (count,).

    The gradient by the bias of class c is the mean probability of c minus the share of images of c: a bias that rose is one of a class
    that was there. How far a step went is not known. It is taken to be as far as leaves the rarest class with no image, which is
    exact for a gradient step on a batch that lacks a class; Adam, which moves all biases equally far, leaves only of which classes
    there are more than the start expects. Labels come in ascending order. Raises ReleaseError for a part that does not end in a
    linear layer with biases.
    Source: for one image Zhao et al., arXiv 2001.02610; for several Wainakh et al., arXiv 2111.01580.
    """
    moved_K = (_biases(part.after) - _biases(part.start)).double()
    falling = moved_K < 0
    shares_K = answers_K.double()
    if bool(falling.any()):
        shares_K = (shares_K + moved_K * (shares_K[falling] / -moved_K[falling]).min()).clamp_min(0)
    counts = apportion(count, shares_K.tolist())
    return torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))


def _biases(part: nn.Module) -> Tensor:
    """Those of the last linear layer (K,), on the CPU."""
    last = [module for module in part.modules() if isinstance(module, nn.Linear)][-1:]
    if not last or last[0].bias is None:
        raise ReleaseError("wanted an update of a network that ends in a linear layer with biases, got one without")
    return last[0].bias.detach().cpu()
