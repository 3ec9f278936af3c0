"""The residual blocks of the ResNet family: features (B,C,h,w) -> (B,C',h',w')."""

import math

from torch import Tensor, nn

from dpm_flower.core.errors import SettingError

BOTTLENECK_SQUEEZE = 4  # a bottleneck's 3x3 convolution sees a quarter of the channels (He et al., 2015, figure 5)


def he_initialise(network: nn.Module) -> None:
    """Convolutions get He's normal weights, batch norms one and zero; linear layers keep torch's small uniform ones.

    Draws from torch's global generator: call inside `core.streams.global_generator_from`. Source: He et al., arXiv 1502.01852.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


def _shortcut(channels_in: int, channels_out: int, stride: int) -> nn.Module:
    """The identity, or a 1x1 projection where the shape changes (option B of He et al., 2015)."""
    if channels_in == channels_out and stride == 1:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm2d(channels_out))


class BasicBlock(nn.Module):
    """Features (B,C,h,w) -> (B,C',h/stride,w/stride): two 3x3 convolutions beside a shortcut.

    `final_relu=False` leaves the sum as it is, so that the block can answer with negative values.
    Source: He et al., arXiv 1512.03385, figure 5 left.
    """

    def __init__(self, channels_in: int, channels_out: int, stride: int = 1, final_relu: bool = True) -> None:
        super().__init__()
        if min(channels_in, channels_out, stride) < 1:
            raise SettingError(f"a block needs at least one channel and a stride of 1, got {channels_in}, {channels_out}, {stride}")
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels_out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.shortcut = _shortcut(channels_in, channels_out, stride)
        self.final_relu = final_relu

    def forward(self, features_BChw: Tensor) -> Tensor:
        """Features (B,C,h,w) -> features of the block's output shape."""
        inner = self.relu(self.bn1(self.conv1(features_BChw)))
        total: Tensor = self.bn2(self.conv2(inner)) + self.shortcut(features_BChw)
        return self.relu(total) if self.final_relu else total


class BottleneckBlock(nn.Module):
    """Features (B,C,h,w) -> (B,C,h,w): 1x1 down to C / squeeze channels, a 3x3 convolution in groups, 1x1 back, beside the identity.

    Where `groups` do not divide the inner channels, there are as many as divide both. `final_relu=False` leaves the sum as it
    is, so that the block can answer with negative values. Source: He et al., arXiv 1512.03385, figure 5 right; with groups
    ResNeXt's, Xie et al., arXiv 1611.05431, figure 3 (c).
    """

    def __init__(self, channels: int, final_relu: bool = True, squeeze: int = BOTTLENECK_SQUEEZE, groups: int = 1) -> None:
        super().__init__()
        if min(channels, squeeze, groups) < 1:
            raise SettingError(f"a block needs at least one channel, a squeeze of 1 and a group, got {channels}, {squeeze}, {groups}")
        inner = max(1, channels // squeeze)
        self.conv1 = nn.Conv2d(channels, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, padding=1, groups=math.gcd(inner, groups), bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.final_relu = final_relu

    def forward(self, features_BChw: Tensor) -> Tensor:
        """Features (B,C,h,w) -> features (B,C,h,w)."""
        inner = self.relu(self.bn1(self.conv1(features_BChw)))
        inner = self.relu(self.bn2(self.conv2(inner)))
        total: Tensor = self.bn3(self.conv3(inner)) + features_BChw
        return self.relu(total) if self.final_relu else total
