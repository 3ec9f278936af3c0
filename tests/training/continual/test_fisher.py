"""The Fisher information, against a loop that takes one gradient of one image at a time."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from dpm_flower.training.continual import fisher
from dpm_flower.training.continual.fisher import fisher_information
from tests.training.toys import CLASSES, CPU, classifier, equal, pictures, state_of

IMAGES = pictures(7)


def network():
    """With statistics of its own, so that evaluation mode and training mode say different things."""
    made = classifier()
    made.train()
    made(pictures(30, seed=3).images)
    return made


def slowly(trained: nn.Module, answers: str) -> dict[str, torch.Tensor]:
    """Image by image and class by class."""
    trained.eval()
    sums = {name: torch.zeros_like(p) for name, p in trained.named_parameters() if p.requires_grad}
    for image, label in zip(IMAGES.images, IMAGES.labels, strict=True):
        chances = functional.softmax(trained(image[None]), 1).detach()[0]
        for number in range(CLASSES):
            weight = chances[number] if answers == "network" else float(number == int(label))
            trained.zero_grad()
            functional.log_softmax(trained(image[None]), 1)[0, number].backward()
            for name, parameter in trained.named_parameters():
                if parameter.requires_grad:
                    sums[name] += weight * parameter.grad.square()
    return {name: total / len(IMAGES) for name, total in sums.items()}


@pytest.mark.parametrize("answers", ["labels", "network"])
@pytest.mark.parametrize("chunk", [3, 16])
def test_it_is_the_mean_squared_gradient_of_each_image_alone(monkeypatch, answers, chunk):
    monkeypatch.setattr(fisher, "CHUNK", chunk)
    found, slow = fisher_information(network(), IMAGES.images, IMAGES.labels, answers, CPU), slowly(network(), answers)
    assert found.keys() == slow.keys() == {name for name, _ in network().named_parameters()}
    for name, information in slow.items():
        assert float(information.sum()) > 0
        torch.testing.assert_close(found[name], information, rtol=1e-4, atol=1e-9)


def test_the_network_s_own_answers_need_no_labels_and_the_labels_answers_do():
    made, others = network(), (IMAGES.labels + 1) % CLASSES
    by_network, by_labels = (
        [fisher_information(made, IMAGES.images, labels, answers, CPU) for labels in (IMAGES.labels, others)]
        for answers in ("network", "labels")
    )
    assert equal(*by_network)
    assert not equal(*by_labels)


def test_what_asks_for_no_gradient_has_no_information_and_the_network_stays_as_it_is():
    made = network()
    made[0].requires_grad_(False)
    made.train()
    before = state_of(made)
    found = fisher_information(made, IMAGES.images, IMAGES.labels, "network", CPU)
    assert found.keys() == {name for name, _ in made.named_parameters() if not name.startswith("0.")}
    assert equal(state_of(made), before)
    assert made.training
    assert all(parameter.grad is None for parameter in made.parameters())


def test_bytes_are_images_too():
    images = pictures(4).images.mul(255).round()
    made = network()
    of_bytes, of_floats = (
        fisher_information(made, each, IMAGES.labels[:4], "network", CPU) for each in (images.to(torch.uint8), images / 255)
    )
    for name, information in of_floats.items():
        torch.testing.assert_close(of_bytes[name], information)
