"""The diagonal of the Fisher information: how much what a network says of its images depends on each weight."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jacrev, vmap
from torch.nn import functional

from dpm_flower.core.compute import Compute
from dpm_flower.core.labelled import Labels
from dpm_flower.nets.tracing import in_mode

Information: TypeAlias = Mapping[str, Tensor]  # by a parameter's name, of its shape
Answers: TypeAlias = Literal["labels", "network"]  # whose answers the gradients are taken at: given ones, or all of the network's own

CHUNK = 16  # images: each has a gradient of its own, of a quarter of a million weights and as many activations


def fisher_information(network: nn.Module, images_NCHW: Tensor, labels_N: Labels, answers: Answers, compute: Compute) -> Information:
    """Images with labels -> by parameter that asks for a gradient, the mean over images of the squared gradient of log p(y|x).

    With "labels" y is the label: the empirical Fisher information, which is small wherever the network is right already. With
    "network" it is the expectation over what the network itself answers, all classes by their probability, labels unseen: the Fisher
    information itself, for as many backward passes as there are classes. The network is asked in evaluation mode, in float32.
    Source: Kirkpatrick et al. 2017 (arXiv 1612.00796).
    """
    compute.place_module(network)
    trained = {name: parameter.detach() for name, parameter in network.named_parameters() if parameter.requires_grad}
    fixed = {name: parameter.detach() for name, parameter in network.named_parameters() if not parameter.requires_grad}
    fixed |= dict(network.named_buffers())

    def log_p(parameters: dict[str, Tensor], image_CHW: Tensor) -> Tensor:
        logits: Tensor = functional_call(network, (parameters, fixed), (image_CHW.unsqueeze(0),))
        return functional.log_softmax(logits.squeeze(0).float(), 0)

    sums = {name: torch.zeros_like(parameter) for name, parameter in trained.items()}
    with in_mode(network, training=False):
        for images, labels in zip(torch.split(images_NCHW, CHUNK), torch.split(labels_N, CHUNK), strict=True):
            given = compute.place(images)
            if answers == "labels":
                of_label = grad(lambda parameters, image, label: log_p(parameters, image).gather(0, label.unsqueeze(0)).squeeze(0))
                gradients = vmap(of_label, (None, 0, 0))(trained, given, labels.to(compute.device))
                squares = {name: gradient.square().sum(0) for name, gradient in gradients.items()}
            else:
                with torch.no_grad():
                    chances_BK = functional.softmax(network(given).float(), 1)
                jacobians = vmap(jacrev(log_p), (None, 0))(trained, given)
                squares = {name: torch.einsum("bk,bk...->...", chances_BK, each.square()) for name, each in jacobians.items()}
            for name, square in squares.items():
                sums[name] += square
    return {name: total / len(images_NCHW) for name, total in sums.items()}
