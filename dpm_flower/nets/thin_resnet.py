"""The ResNets made for 32-pixel images: images (B,3,H,W), H and W from 8 pixels -> logits (B,K)."""

import torch
from torch import Tensor, nn

from dpm_flower.core.errors import SettingError
from dpm_flower.nets.residual_blocks import BasicBlock, he_initialise

WIDTHS = (16, 32, 64)  # channels of the stages conv2, conv3, conv4
OTHER_LAYERS = 2  # of the depth: the stem's convolution and the linear layer


def _stage(channels_in: int, channels_out: int, blocks: int, stride: int) -> nn.Sequential:
    """`blocks` basic blocks, of which the first changes the shape."""
    first = BasicBlock(channels_in, channels_out, stride)
    return nn.Sequential(first, *(BasicBlock(channels_out, channels_out) for _ in range(blocks - 1)))


class ThinResNet(nn.Module):
    """Images (B,3,H,W) -> logits (B,K). Stages conv2 (16,H,W), conv3 (32,H/2,W/2), conv4 (64,H/4,W/4).

    A 3x3 stem without max-pool, three stages of (depth - 2) / 6 basic blocks, global average pool, one linear layer;
    where shapes change the shortcut is a projection. Weights are drawn from torch's global generator.
    Raises SettingError for a depth that is not 6n + 2. Source: He et al., arXiv 1512.03385, section 4.2.
    """

    def __init__(self, depth: int, classes: int) -> None:
        super().__init__()
        blocks, rest = divmod(depth - OTHER_LAYERS, 2 * len(WIDTHS))
        if rest or blocks < 1:
            raise SettingError(f"a thin ResNet has a depth of 6n + 2 (20, 32, 44, 56 ...), got {depth}")
        if classes < 1:
            raise SettingError(f"a classifier needs at least one class, got {classes}")
        self.conv1 = nn.Conv2d(3, WIDTHS[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = _stage(WIDTHS[0], WIDTHS[0], blocks, stride=1)
        self.conv3 = _stage(WIDTHS[0], WIDTHS[1], blocks, stride=2)
        self.conv4 = _stage(WIDTHS[1], WIDTHS[2], blocks, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(WIDTHS[2], classes)
        he_initialise(self)

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Images (B,3,H,W) -> logits (B,K)."""
        features = self.relu(self.bn1(self.conv1(images_B3HW)))
        features = self.conv4(self.conv3(self.conv2(features)))
        logits: Tensor = self.fc(torch.flatten(self.avgpool(features), 1))
        return logits
