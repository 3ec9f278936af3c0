"""Obfuscators: images (B,3,H,W) -> obfuscated features (B,C,h,w), the beginning of a classifier that is trained to hide the images."""

import copy

from torch import Tensor, nn

from dpm_flower.core.errors import SettingError
from dpm_flower.nets.residual_blocks import he_initialise
from dpm_flower.nets.standardised import standardised

PUBLISHED_WIDTH = 64  # channels of VGG's first convolutions


class VggObfuscator(nn.Module):
    """Images (B,3,H,W) in [0,1] -> (B,2·width,H/4,W/4), not negative: VGG16 with batch norms, up to its second pooling.

    `width` is 64 as published; fewer channels are faster. Weights are drawn from torch's global generator. Raises SettingError for a
    width that cannot work. Source: DeepObfuscator, arXiv 1909.04126, section 4; Simonyan and Zisserman, arXiv 1409.1556, column D.
    """

    def __init__(self, width: int = PUBLISHED_WIDTH) -> None:
        super().__init__()
        if width < 1:
            raise SettingError(f"an obfuscator needs a width of at least 1, got {width}")
        first = standardised(nn.Conv2d(3, width, 3, padding=1))
        self.layers = nn.Sequential(*_stage(first, width), *_stage(nn.Conv2d(width, 2 * width, 3, padding=1), 2 * width))
        he_initialise(self)

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Images (B,3,H,W) -> features (B,2·width,H/4,W/4)."""
        features: Tensor = self.layers(images_B3HW)
        return features


def obfuscator_from(featurizer: nn.Module) -> nn.Module:
    """The first half of any cut backbone -> a copy that can be trained to hide: it begins as the featurizer, in the decider's space."""
    return copy.deepcopy(featurizer).requires_grad_(True)


def _stage(first: nn.Conv2d, channels: int) -> list[nn.Module]:
    """The first convolution of a stage of VGG16, and its channels -> the stage: two convolutions, halved at the end."""
    layers: list[nn.Module] = []
    for convolution in (first, nn.Conv2d(channels, channels, 3, padding=1)):
        layers += [convolution, nn.BatchNorm2d(channels), nn.ReLU()]
    return [*layers, nn.MaxPool2d(2)]
