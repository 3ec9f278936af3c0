"""The diagonal of a detector's Fisher information: how much its losses on its images depend on each weight."""

import torch
from torch import nn

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.compute import Compute
from dpm_flower.core.streams import global_generator_from
from dpm_flower.training.continual.fisher import Information
from dpm_flower.training.detection import BoxedExamples, summed
from dpm_flower.training.detection_equivalence import giving_losses


def detector_information(network: nn.Module, boxed: Boxed, compute: Compute, rng: torch.Generator) -> Information:
    """Images with boxes -> by parameter that asks for a gradient, the mean over images of the squared gradient of the image's losses.

    The sum of a detector's losses on the true boxes stands for -log p(y|x): the empirical Fisher information, exact in that each image
    has a gradient of its own. The losses are those of the anchors and proposals that its samplers draw, from `rng`, once for each
    image. Batch statistics are the learnt ones, and stay. In float32. Source: Kirkpatrick et al. 2017 (arXiv 1612.00796).
    """
    compute.place_module(network)
    examples = BoxedExamples.of(boxed)
    trained = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    sums = {name: torch.zeros_like(parameter) for name, parameter in trained.items()}
    with giving_losses(network), global_generator_from(rng):
        for place in range(len(boxed)):  # how many proposals there are depends on the image: nothing to be done for many at once
            one = torch.tensor([place])
            loss = summed(network(compute.place(examples.inputs[one]), examples.targets(one, compute.device)))
            gradients = torch.autograd.grad(loss, list(trained.values()), materialize_grads=True)
            for name, gradient in zip(trained, gradients, strict=True):
                sums[name] += gradient.square()
    return {name: total / len(boxed) for name, total in sums.items()}
