"""Training a Deep Poisoning Module between a frozen featurizer and a frozen decider, against a frozen reconstructor and who adapts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from dpm_flower.core.compute import Compute
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import Report, silent
from dpm_flower.core.secret_streams import child_stream
from dpm_flower.core.split_net import SplitNet
from dpm_flower.training.adversaries import Adversaries, AdversaryPool
from dpm_flower.training.loop import Fitted, fit
from dpm_flower.training.losses import Equivalence, disparity_loss, equivalence_loss
from dpm_flower.training.prediction import apply
from dpm_flower.training.privacy import PrivacyTerm
from dpm_flower.training.release_terms import ReleaseTerms

Perturb: TypeAlias = Callable[[Tensor, torch.Generator], Tensor]  # features (B,C,h,w) and where noise comes from -> the same shape
Unequal: TypeAlias = Callable[[Tensor, Tensor], Tensor]  # poisoned features (B,C,h,w) on the device, whose indices (B,) -> a loss


@dataclass(frozen=True, slots=True, eq=False)
class Victims:
    """The images (N,3,H,W) to protect, with their features (N,C,h,w) and labels (N,), or (N,K) where the task is K attributes.

    `attributes` (N,A), 1, 0 or 255 (unknown), are what nobody is to read from what is shared.
    """

    images: Tensor
    features: Tensor
    labels: Tensor
    attributes: Tensor | None = None


def train_poisoning(
    module: nn.Module,
    net: SplitNet,
    victims: Victims,
    equivalence: Equivalence,
    weight: float,
    fitting: Fitting,
    *,
    compute: Compute,
    rng: torch.Generator,
    perturb: Perturb | None = None,
    adversaries: Adversaries | None = None,
    privacy: PrivacyTerm | None = None,
    terms: ReleaseTerms | None = None,
    report: Report = silent,
) -> Fitted:
    """Trains `module` so that the decider reads poisoned features as it reads raw ones, and the reconstructor cannot.

    Minimises equivalence + `weight` x disparity. Source: Deep Poisoning, equations 4 to 6, with other equivalences than the
    labels by choice and the disparity sign-aware. With `terms` two more come to the equivalence. See `train_module` for the rest.
    """
    return train_module(
        module,
        net.reconstructor,
        victims.images,
        victims.features,
        classification_equivalence(net, victims, equivalence, compute, terms),
        weight,
        fitting,
        compute=compute,
        rng=rng,
        attributes=victims.attributes,
        perturb=perturb,
        adversaries=adversaries,
        privacy=privacy,
        report=report,
    )


def train_module(
    module: nn.Module,
    reconstructor: nn.Module,
    images_N3HW: Tensor,
    features_NChw: Tensor,
    unequal: Unequal,
    weight: float,
    fitting: Fitting,
    *,
    compute: Compute,
    rng: torch.Generator,
    attributes: Tensor | None = None,
    perturb: Perturb | None = None,
    adversaries: Adversaries | None = None,
    privacy: PrivacyTerm | None = None,
    report: Report = silent,
) -> Fitted:
    """Trains `module` on images with their raw features to minimise `unequal` + `weight` x disparity, whatever the task.

    With `perturb` the module is given perturbed features, noise drawn from `rng` at every step so that it cannot be learnt by heart;
    what it has to equal is still what is made of the raw ones. With `adversaries` the disparity is the mean over the public
    `reconstructor` and those, which learn from every batch before they are asked. With `privacy` a classifier learns from every batch
    to read the `attributes` (N,A), and the module is moved to leave it with what it would know without looking. Raises SettingError
    for that without attributes.
    """
    compute.place_module(module)
    channels, *grid = features_NChw.shape[1:]
    pool = None
    if adversaries is not None:
        shape, size = (channels, grid[0], grid[1]), (images_N3HW.shape[-2], images_N3HW.shape[-1])
        pool = AdversaryPool(adversaries, shape, size, compute, child_stream(rng))
    reader = privacy.reader(attributes, channels, compute, child_stream(rng)) if privacy is not None else None

    def loss_at(indices: Tensor) -> Tensor:
        features = features_NChw[indices]
        given = perturb(features, rng) if perturb is not None else features
        with compute.autocast():
            poisoned = module(compute.place(given))
        equal = unequal(poisoned, indices)
        images = compute.place(images_N3HW[indices])
        if pool is not None:
            pool.adapt(poisoned, images)
        if reader is not None:
            reader.learn(poisoned, indices)
        with compute.autocast():
            guesses = [reconstructor(poisoned), *(pool.guesses(poisoned) if pool is not None else ())]
        loss = equal + weight * torch.stack([disparity_loss(images, one.float()) for one in guesses]).mean()
        return loss + privacy.weight * reader.uninformed(poisoned) if privacy is not None and reader is not None else loss

    return fit([module], loss_at, len(images_N3HW), fitting, rng=rng, work="dpm", report=report)


def classification_equivalence(
    net: SplitNet, victims: Victims, equivalence: Equivalence, compute: Compute, terms: ReleaseTerms | None = None
) -> Unequal:
    """The networks, whose images, and what has to be kept -> how far the decider's answer lies from what it should be, and the `terms`."""
    target, scale = equivalence_target(net, victims, equivalence, compute)

    def unequal(poisoned_BChw: Tensor, indices_B: Tensor) -> Tensor:
        with compute.autocast():
            activations = net.decider.activations(poisoned_BChw)
            logits = net.decider.logits(activations)
        loss = equivalence_loss(equivalence, activations.float(), logits.float(), target[indices_B].to(compute.device), scale)
        if terms is None:
            return loss
        raw, labels = compute.place(victims.features[indices_B]), victims.labels[indices_B].to(compute.device)
        return loss + terms(net.decider, poisoned_BChw, raw, labels)

    return unequal


def equivalence_target(net: SplitNet, victims: Victims, equivalence: Equivalence, compute: Compute) -> tuple[Tensor, float]:
    """What the decider makes of the raw features, computed once: labels (N,), logits (N,K) or activations (N,A), and their scale."""
    if equivalence == "labels":
        return victims.labels, 1.0
    activations = apply(net.decider.trunk, victims.features, compute)
    if equivalence == "activations":
        return activations, max(float(activations.std()), 1e-6)  # a decider that answers nothing has no scale
    return apply(net.decider.head, activations, compute.in_float32()), 1.0
