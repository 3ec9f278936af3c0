"""How badly images explain a model update: the gradient that they have at the round's start against where the update went."""

from collections.abc import Sequence
from typing import Literal, TypeAlias, assert_never

import torch
from torch import Tensor, nn
from torch.nn import functional

Steps: TypeAlias = Literal["gradient", "adam"]  # a local step moves by the gradient, or by what Adam makes of it: about its sign
SOFTNESS = 1.0  # of a tensor's root mean square, below which an entry counts by its size: harder signs leave no slope to follow
LEAST_NORM = 1e-12  # of an update: one that went nowhere has no direction


def gradient_mismatch(part: nn.Module, inputs_B: Tensor, labels_B: Tensor, moved: Sequence[Tensor], steps: Steps) -> Tensor:
    """What a part reads for B images, their labels, and how far each of its parameters went -> one minus a cosine, a scalar; 0 = that way.

    The cosine is the one between the update and the negative gradient of the images' cross-entropy, all parameters together. With
    "adam" each entry of the gradient counts by its sign, softly: a first step of Adam moves all weights equally far. It can be
    differentiated by the inputs. Source: Geiping et al., arXiv 2003.14053, equation 4, in which the direction of an update of several
    steps stands for the gradient, as in its section 6.
    """
    loss = functional.cross_entropy(part(inputs_B), labels_B)
    gradients = torch.autograd.grad(loss, [p for p in part.parameters() if p.requires_grad], create_graph=True)
    stepped = [as_stepped(gradient, steps) for gradient in gradients]
    along = torch.stack([(went * step).sum() for went, step in zip(moved, stepped, strict=True)]).sum()
    far = torch.stack([step.square().sum() for step in stepped]).sum().clamp_min(LEAST_NORM**2).sqrt()
    went_far = torch.stack([went.square().sum() for went in moved]).sum().clamp_min(LEAST_NORM**2).sqrt()
    return 1.0 + along / (far * went_far)


def as_stepped(gradient: Tensor, steps: Steps) -> Tensor:
    """One tensor's gradient -> what a local step moves by, but for its length and its sign."""
    match steps:
        case "gradient":
            return gradient
        case "adam":
            softness = (SOFTNESS**2 * gradient.detach().square().mean()).clamp_min(LEAST_NORM**2)
            return gradient / (gradient.square() + softness).sqrt()
    assert_never(steps)
