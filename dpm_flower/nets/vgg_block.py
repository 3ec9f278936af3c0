"""A residual block of VGG's own layers: features (B,C,h,w) -> (B,C,h,w)."""

from torch import Tensor, nn

from dpm_flower.core.errors import SettingError


class VggBlock(nn.Module):
    """Features (B,C,h,w) -> (B,C,h,w): two 3x3 convolutions with biases and without norms, beside the identity.

    `final_relu=False` leaves the sum as it is, so that the block can answer with negative values. VGG's twin with batch norms
    is `residual_blocks.BasicBlock`. Source: Simonyan and Zisserman, arXiv 1409.1556; the identity is ours, a DPM's blocks are residual.
    """

    def __init__(self, channels: int, final_relu: bool = True) -> None:
        super().__init__()
        if channels < 1:
            raise SettingError(f"a block needs at least one channel, got {channels}")
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.final_relu = final_relu

    def forward(self, features_BChw: Tensor) -> Tensor:
        """Features (B,C,h,w) -> features (B,C,h,w)."""
        total: Tensor = self.conv2(self.relu(self.conv1(features_BChw))) + features_BChw
        return self.relu(total) if self.final_relu else total
