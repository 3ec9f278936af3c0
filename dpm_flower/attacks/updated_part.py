"""What a model update is an update of: the round's start as a network whose gradient can be asked for."""

import copy
from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.labelled import Labels
from dpm_flower.core.shared import ModelUpdate
from dpm_flower.core.split_net import SplitNet
from dpm_flower.nets.batch_norms import norms_in_training
from dpm_flower.nets.strict_state import overwrite

LEAST_NORM = 1e-12  # of a gradient: one that is nothing has no direction


@dataclass(frozen=True, slots=True, eq=False)
class UpdatedPart:
    """The part that was trained, as it was when the round began and as the update left it, and what it is fed with.

    `front` makes of images (B,3,H,W) what the part reads: themselves for a whole network, features for a decider. All three are
    copies on the device, in evaluation mode; the parameters of `start` ask for gradients.
    """

    front: nn.Module
    start: nn.Module
    after: nn.Module

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The trained parameters at the start."""
        return [parameter for parameter in self.start.parameters() if parameter.requires_grad]

    @property
    def moved(self) -> list[Tensor]:
        """How far each of `parameters` went, in their order: downhill, against the gradient."""
        return [(new - old).detach() for new, old in zip(self.after.parameters(), self.start.parameters(), strict=True)]


def part_of(net: SplitNet, update: ModelUpdate, compute: Compute) -> UpdatedPart:
    """The public networks at the round's start, and an update of the whole network or of the decider -> that part.

    Raises ReleaseError or ShapeError for tensors of neither.
    """
    network = nn.Sequential(OrderedDict(featurizer=net.featurizer, decider=net.decider))
    whole = update.tensors.keys() == network.state_dict().keys()
    if not whole and update.tensors.keys() != net.decider.state_dict().keys():
        raise ReleaseError(
            f"wanted an update of the whole network or of the decider, got one of {', '.join(sorted(update.tensors)[:3])} ..."
        )
    trained = network if whole else net.decider
    start, after = (compute.place_module(copy.deepcopy(trained)).eval() for _ in range(2))
    overwrite(after.state_dict(), update.tensors)
    front = nn.Identity() if whole else compute.place_module(copy.deepcopy(net.featurizer)).eval().requires_grad_(False)
    with torch.no_grad():
        start.requires_grad_(True)
        after.requires_grad_(False)
    return UpdatedPart(front, start, after)


def gradient_step(part: UpdatedPart, images_B3HW: Tensor, labels_B: Labels, compute: Compute) -> ModelUpdate:
    """A part at the round's start and B images with labels -> the update of one step of length 1 down their loss, as if of one image.

    Batch norms work as in training, and tell of the images as those of a client would; where a single image is too small for that,
    they work as in evaluation. It is what an attack on updates can do at best: for one image nothing is averaged away.
    """
    inputs, labels = part.front(compute.place(images_B3HW)), labels_B.to(compute.device)
    after, loss = _asked(part.start, inputs, labels)
    gradients = torch.autograd.grad(loss, list(after.parameters()))
    norm = torch.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt().clamp_min(LEAST_NORM)
    with torch.no_grad():
        for parameter, gradient in zip(after.parameters(), gradients, strict=True):
            parameter.sub_(gradient / norm)
    return ModelUpdate({name: tensor.detach() for name, tensor in after.state_dict().items()}, 1)


def _asked(start: nn.Module, inputs_B: Tensor, labels_B: Labels) -> tuple[nn.Module, Tensor]:
    """A copy of the start, whose batch norms have seen the inputs if they can, and its loss on them."""
    after = copy.deepcopy(start)
    norms_in_training(after, training=True)
    try:
        return after, functional.cross_entropy(after(inputs_B), labels_B)
    except ValueError:  # torch's, of a batch norm that gets one number for each channel
        after = copy.deepcopy(start)
        return after, functional.cross_entropy(after(inputs_B), labels_B)
