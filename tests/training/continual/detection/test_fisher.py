"""A detector's Fisher information, against one backward pass of one image at a time through a network of its own."""

import copy

import pytest
import torch
from torch import nn

from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.training.continual.detection.fisher import detector_information
from tests.training.continual.detection.days import DAY, NETS
from tests.training.toys import CPU, equal, state_of


def network():
    return copy.deepcopy(NETS.whole_network()).requires_grad_(True)


def slowly(boxed):
    """Image by image, whose gradients are collected by the parameters themselves."""
    twin = network().train()
    for part in twin.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.eval()
    sums = {name: torch.zeros_like(parameter) for name, parameter in twin.named_parameters()}
    with global_generator_from(stream(0, "fisher")):
        for image, boxes, labels in zip(boxed.images, boxed.boxes, boxed.labels, strict=True):
            twin.zero_grad()
            sum(twin(image[None], [{"boxes": boxes, "labels": labels + 1}]).values()).backward()
            for name, parameter in twin.named_parameters():
                sums[name] += parameter.grad**2
    return {name: total / len(boxed) for name, total in sums.items()}


def test_it_is_the_mean_squared_gradient_of_each_image_alone():
    found, slow = detector_information(network(), DAY, CPU, stream(0, "fisher")), slowly(DAY)
    assert found.keys() == slow.keys()
    for name, information in slow.items():
        torch.testing.assert_close(found[name], information, rtol=1e-3, atol=1e-9)
    assert all(float(information.sum()) > 0 for information in found.values())


def test_it_is_not_the_square_of_the_mean_gradient():
    one, other = DAY.take(torch.tensor([0])), DAY.take(torch.tensor([1]))
    alone = [sum(float(each.sum()) for each in detector_information(network(), few, CPU, stream(0, "a")).values()) for few in (one, other)]
    assert all(value > 0 for value in alone)
    both = detector_information(network(), DAY.take(torch.tensor([0, 1])), CPU, stream(0, "a"))
    assert sum(float(each.sum()) for each in both.values()) == pytest.approx(sum(alone) / 2, rel=0.3)  # other anchors are drawn


def test_the_detector_stays_as_it_is_and_what_asks_for_no_gradient_has_none():
    made, outside = network(), torch.get_rng_state()
    made.featurizer.requires_grad_(False)
    before = state_of(made)
    found = detector_information(made.train(), DAY, CPU, stream(0, "a"))
    assert found.keys() == {name for name, _ in made.named_parameters() if name.startswith("decider")}
    assert equal(state_of(made), before)
    assert all(part.training for part in made.modules())
    assert all(parameter.grad is None for parameter in made.parameters())
    assert torch.equal(torch.get_rng_state(), outside)
