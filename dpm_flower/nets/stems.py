"""How torchvision's families see their images: a network as torchvision makes it -> the same with another beginning, in place.

Every one of them gets images in [0,1] and standardises them itself. The small stems keep the resolution of images of 28 to 64
pixels, of which torchvision's own leave a quarter before the first block: a 3x3 convolution of stride 1 and no max-pool, as
in the networks for CIFAR (He et al., arXiv 1512.03385, section 4.2; Huang et al., arXiv 1608.06993, section 4.1).
"""

from torch import nn
from torchvision.models import VGG, DenseNet, ResNet

from dpm_flower.nets.residual_blocks import he_initialise
from dpm_flower.nets.standardised import StandardisedConv2d, standardised


def resnet(network: ResNet) -> None:
    """A ResNet, ResNeXt or wide ResNet -> the same, reading images in [0,1]."""
    network.conv1 = standardised(network.conv1)


def small_resnet(network: ResNet) -> None:
    """A ResNet, ResNeXt or wide ResNet -> the same with the small stem."""
    network.conv1 = _small(network.conv1)
    network.maxpool = nn.Identity()  # its forward function calls it


def densenet(network: DenseNet) -> None:
    """A DenseNet -> the same, reading images in [0,1]."""
    network.features.conv0 = standardised(network.features.conv0)


def small_densenet(network: DenseNet) -> None:
    """A DenseNet -> the same with the small stem."""
    network.features.conv0 = _small(network.features.conv0)
    del network.features.pool0


def vgg(network: VGG) -> None:
    """A VGG -> the same, reading images in [0,1]."""
    network.features[0] = standardised(network.features[0])


def _small(convolution: nn.Conv2d) -> StandardisedConv2d:
    small = StandardisedConv2d(convolution, 3, stride=1)
    he_initialise(small)
    return small
