"""What a release is to do besides being read by the decider as raw features are: move its weights alike, and not say whose it is."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from dpm_flower.core.errors import SettingError
from dpm_flower.training.standardised_channels import standardised_by_channel

TEMPERATURE = 0.1  # of cosines, so that the nearest of a batch has nearly all of the weight


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseTerms:
    """Weights of two more terms of a module's loss: `gradients` of `gradient_mismatch`, `linking` of `linkability`. 0: without that.

    Raises SettingError for negative weights.
    """

    gradients: float = 0.0
    linking: float = 0.0

    def __post_init__(self) -> None:
        if not (self.gradients >= 0 and self.linking >= 0):
            raise SettingError(f"wanted weights of at least 0, got {self}")

    def __call__(self, decider: nn.Module, poisoned_BChw: Tensor, raw_BChw: Tensor, labels_B: Tensor) -> Tensor:
        """What a module makes of raw features with their classes, all on the device -> the weighted terms, a scalar.

        Raises SettingError for gradients of another task than one class an image.
        """
        terms = poisoned_BChw.new_zeros((), dtype=torch.float32)
        if self.gradients:
            terms = terms + self.gradients * gradient_mismatch(decider, poisoned_BChw.float(), raw_BChw, labels_B)
        if self.linking:
            terms = terms + self.linking * linkability(poisoned_BChw.float(), raw_BChw)
        return terms


def gradient_mismatch(decider: nn.Module, poisoned_BChw: Tensor, raw_BChw: Tensor, labels_B: Tensor) -> Tensor:
    """How differently a batch of poisoned features would move a decider's weights: 1 - cosine with what raw ones do, mean over weights.

    Gradients are those of the batch's cross-entropy, for every weight of a convolution or a linear layer; 0 if they point the same way
    and 2 if the opposite. They are the first step's, of the decider as received, in evaluation mode: a stand-in for the many steps of
    a receiver that refines it. Source: an idea of our own, after gradient matching for dataset condensation (Zhao et al., arXiv
    2006.05929). Raises SettingError unless there is one class for each.
    """
    if labels_B.ndim != 1:
        raise SettingError(f"gradients are matched where every image has one class, got labels {tuple(labels_B.shape)}")
    # copies: the decider is frozen, and stays so
    weights = {name: one.detach().clone().requires_grad_() for name, one in decider.named_parameters() if one.ndim > 1}

    def gradients(features_BChw: Tensor, *, back: bool) -> tuple[Tensor, ...]:
        logits = functional_call(decider, weights, (features_BChw,))
        return torch.autograd.grad(functional.cross_entropy(logits.float(), labels_B), list(weights.values()), create_graph=back)

    wanted, found = gradients(raw_BChw, back=False), gradients(poisoned_BChw, back=True)
    cosines = [functional.cosine_similarity(one.flatten(), other.flatten(), dim=0) for one, other in zip(found, wanted, strict=True)]
    return 1.0 - torch.stack(cosines).mean()


def linkability(poisoned_BChw: Tensor, raw_BChw: Tensor) -> Tensor:
    """How well poisoned features are told to be an image's own among a batch's, by standardised channels: 0 where nobody can say, a scalar.

    For each the divergence of a uniform choice from one by cosines, at a temperature of 0.1; mean over the batch. A module that
    minimises it is moved away from its own image, and no nearer to any other's. Source: an idea of our own.
    """
    released, candidates = (functional.normalize(standardised_by_channel(each).flatten(1), dim=1) for each in (poisoned_BChw, raw_BChw))
    scores_BB = released @ candidates.T / TEMPERATURE
    return -torch.log_softmax(scores_BB, 1).mean() - torch.log(torch.tensor(float(len(scores_BB)), device=scores_BB.device))
