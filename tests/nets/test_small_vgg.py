import pytest
import torch
from torch import nn
from torchvision import models

from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.nets.small_vgg import LAYOUTS, SmallVgg


@pytest.mark.parametrize("depth", LAYOUTS)
@pytest.mark.parametrize("batch_norm", [False, True])
def test_its_features_are_torchvision_s_and_its_head_is_one_layer(depth: int, batch_norm: bool) -> None:
    with torch.device("meta"):
        ours, theirs = SmallVgg(depth, batch_norm, 7), models.get_model(f"vgg{depth}{'_bn' if batch_norm else ''}")
    shapes = {f"features.{key}": tensor.shape for key, tensor in theirs.features.state_dict().items()}
    head = {"classifier.weight": (7, 512), "classifier.bias": (7,)}
    assert {key: tensor.shape for key, tensor in ours.state_dict().items()} == shapes | head


def test_it_reads_images_of_32_pixels_and_more() -> None:
    network = SmallVgg(11, False, 3).eval()
    for side in (32, 48):
        assert network(torch.rand(2, 3, side, side)).shape == (2, 3)


def test_it_averages_its_features_over_all_positions() -> None:
    network = SmallVgg(11, False, 3).eval()
    images = torch.rand(2, 3, 64, 64)
    assert torch.allclose(network(images), network.classifier(network.features(images).mean((2, 3))), atol=1e-6)


def test_its_untrained_weights_are_drawn_as_torchvision_draws_them() -> None:
    with global_generator_from(stream(0)):
        network = SmallVgg(11, True, 100)
    assert network.classifier.weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert network.features[11].weight.std().item() == pytest.approx((2 / (256 * 9)) ** 0.5, rel=0.02)
    assert not any(module.bias.any() for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear))
