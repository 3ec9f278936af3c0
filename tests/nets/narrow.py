"""Torchvision's families with few channels and few layers: all their kinds of calls, in milliseconds."""

import torch
from torch import nn
from torchvision import models

from dpm_flower.nets import stems


def narrow_densenet() -> models.DenseNet:
    """Two of torchvision's dense layers in each block."""
    return models.DenseNet(growth_rate=4, block_config=(2, 2, 2, 2), num_init_features=8, num_classes=4)


def narrow_vgg() -> models.VGG:
    """Three convolutions, and a classifier 16 wide."""
    with torch.device("meta"):  # 120 million weights, none of which is needed
        network = models.VGG(nn.Sequential())
    network.features = models.vgg.make_layers([6, "M", 8, 8, "M"], batch_norm=True)
    network.classifier = nn.Sequential(
        nn.Linear(8 * 49, 16), nn.ReLU(True), nn.Dropout(), nn.Linear(16, 16), nn.ReLU(True), nn.Dropout(), nn.Linear(16, 4)
    )
    return network


def narrow_resnext() -> models.ResNet:
    """One of torchvision's grouped bottlenecks in each stage, two in the second."""
    return models.ResNet(models.resnet.Bottleneck, [1, 2, 1, 1], groups=4, width_per_group=2, num_classes=4)


def with_stem(network: nn.Module, stem) -> nn.Module:
    """The network after `stem` has changed it."""
    stem(network)
    return network


NARROW = {
    "densenet": lambda: with_stem(narrow_densenet(), stems.densenet),
    "densenet-small": lambda: with_stem(narrow_densenet(), stems.small_densenet),
    "vgg": lambda: with_stem(narrow_vgg(), stems.vgg),
    "resnext": lambda: with_stem(narrow_resnext(), stems.resnet),
    "resnext-small": lambda: with_stem(narrow_resnext(), stems.small_resnet),
}
