"""Losses of the three steps: reconstruction, equivalence, and sign-aware disparity."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import UNKNOWN
from dpm_flower.metrics.ssim_map import WINDOW, moments, ssim_maps

Equivalence = Literal["labels", "response", "activations"]
EQUIVALENCES: tuple[Equivalence, ...] = ("labels", "response", "activations")


def reconstruction_loss(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """Images and reconstructions (B,C,H,W) -> mean absolute error, a scalar. Source: Deep Poisoning, equation 3."""
    return functional.l1_loss(guesses_BCHW, images_BCHW)


def disparity_loss(images_BCHW: Tensor, guesses_BCHW: Tensor) -> Tensor:
    """Images and reconstructions (B,C,H,W) in [0,1] -> how alike they are, a scalar in [0,1]; 0 = nothing alike.

    The mean over windows and channels of the greater of |SSIM(x, g)| and |SSIM(x, 1 - g)|. Minimising the signed SSIM of equation
    5 drives the reconstruction to the photographic negative, which discloses the image just as well. |SSIM(x, g)| alone is not
    enough: SSIM's factor for brightness is near 0 where a dark image meets a bright guess, so that the negative of a dark image
    would cost little. The greater is taken in every window and channel before anything is averaged: otherwise a reconstruction
    that is the picture here and its negative there costs nothing, and its outlines can be seen all the same. Images are mirrored
    at their borders, so that border pixels weigh as much as others: one bright spot there would else be a cheap way to make
    min-max dim all the rest.
    """
    images, guesses = (functional.pad(values, (WINDOW // 2,) * 4, mode="reflect") for values in (images_BCHW, guesses_BCHW))
    picture, negative = ssim_maps(moments(images, guesses))
    return torch.maximum(picture.abs(), negative.abs()).mean()


def multi_label_loss(logits_BA: Tensor, attributes_BA: Tensor) -> Tensor:
    """Logits (B,A) and attributes (B,A), 1, 0 or 255 (unknown) -> mean binary cross-entropy over what is known, a scalar."""
    known = attributes_BA != UNKNOWN
    losses = functional.binary_cross_entropy_with_logits(logits_BA, (attributes_BA == 1).to(logits_BA.dtype), reduction="none")
    return (losses * known).sum() / known.sum().clamp_min(1)


def label_loss(logits_BK: Tensor, labels: Tensor) -> Tensor:
    """Logits (B,K) and labels (B,) or attributes (B,K) -> cross-entropy or `multi_label_loss`, a scalar."""
    return multi_label_loss(logits_BK, labels) if labels.ndim == 2 else functional.cross_entropy(logits_BK, labels)


def uninformed_loss(logits_BA: Tensor, rates_A: Tensor) -> Tensor:
    """What a classifier makes of features, and how many images have each attribute -> how far it is from knowing only that, a scalar.

    The Kullback-Leibler divergence of the probabilities from the rates, mean over batch and attributes, at least 0. The negative of the
    classifier's own loss would be least where it is surely wrong, which tells the attribute as well: its answer turned round is right.
    """
    rates_BA = rates_A.clamp(1e-6, 1 - 1e-6).expand_as(logits_BA)
    entropy = -(rates_BA * rates_BA.log() + (1 - rates_BA) * (1 - rates_BA).log())
    return (functional.binary_cross_entropy_with_logits(logits_BA, rates_BA, reduction="none") - entropy).mean()


def equivalence_loss(kind: Equivalence, activations_BA: Tensor, logits_BK: Tensor, target: Tensor, scale: float = 1.0) -> Tensor:
    """What the decider makes of poisoned features, against what it should -> a scalar.

    * ``labels``: cross-entropy with labels (B,), or binary cross-entropy with attributes (B,K). Source: Deep Poisoning, equation 4.
    * ``response``: Kullback-Leibler divergence from the decider's logits (B,K) on the raw features.
    * ``activations``: mean squared distance to its penultimate activations (B,A) on the raw features, in units of `scale`
      squared, their standard deviation.
    """
    match kind:
        case "labels":
            return label_loss(logits_BK, target)
        case "response":
            log_probabilities = functional.log_softmax(logits_BK, dim=1)
            return functional.kl_div(log_probabilities, functional.log_softmax(target, dim=1), reduction="batchmean", log_target=True)
        case "activations":
            return ((activations_BA - target) / scale).square().mean()
    raise SettingError(f"equivalence must be one of {', '.join(EQUIVALENCES)}, got {kind!r}")


def proximal_term(parameters: list[Tensor], anchors: list[Tensor]) -> Tensor:
    """Parameters and their values at the round's start -> half the squared distance. Source: FedProx (Li et al., 2020), equation 2."""
    return 0.5 * torch.stack([(p - a).square().sum() for p, a in zip(parameters, anchors, strict=True)]).sum()
