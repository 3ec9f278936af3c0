"""A residual block of DenseNet's own layer: features (B,C,h,w) -> (B,C,h,w)."""

from torch import Tensor, nn

from dpm_flower.core.errors import SettingError

INNER_CHANNELS = 128  # DenseNet-BC's bottleneck: four times the growth rate of 32 (48 in densenet161), however wide its input


class DenseBlock(nn.Module):
    """Features (B,C,h,w) -> (B,C,h,w): BN-ReLU-1x1-BN-ReLU-3x3, added to its input.

    DenseNet appends what a layer makes to what the layer read; here it is added, because a DPM keeps the shape.
    `final_relu=False` leaves the sum as it is, so that the block can answer with negative values.
    Source: Huang et al., arXiv 1608.06993, section 3.
    """

    def __init__(self, channels: int, final_relu: bool = True) -> None:
        super().__init__()
        if channels < 1:
            raise SettingError(f"a block needs at least one channel, got {channels}")
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, INNER_CHANNELS, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(INNER_CHANNELS)
        self.conv2 = nn.Conv2d(INNER_CHANNELS, channels, 3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.final_relu = final_relu

    def forward(self, features_BChw: Tensor) -> Tensor:
        """Features (B,C,h,w) -> features (B,C,h,w)."""
        inner = self.conv1(self.relu(self.norm1(features_BChw)))
        total: Tensor = self.conv2(self.relu(self.norm2(inner))) + features_BChw
        return self.relu(total) if self.final_relu else total
