"""The PatchGAN discriminator: a condition beside an image (B,C,H,W) -> a score for each patch (B,h,w)."""

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from dpm_flower.core.errors import SettingError

SLOPE = 0.2  # of LeakyReLU below 0


class PatchDiscriminator(nn.Module):
    """Conditions and images, stacked by channel (B,channels,H,W) -> scores (B,h,w), higher = more like a real patch.

    `halvings` strided convolutions and two that keep the size, all with spectral norm: each score sees a patch of 5, 12, 26 or 54
    pixels to a side for 0 to 3 halvings, and what lies farther apart is the L1 term's business. Weights are drawn from torch's global
    generator. Raises SettingError for knobs that cannot work. Source: Isola et al. 2017 (arXiv 1611.07004).
    """

    def __init__(self, channels: int, *, width: int = 32, halvings: int = 2) -> None:
        super().__init__()
        if min(channels, width) < 1 or halvings < 0:
            raise SettingError(f"channels and width must be at least 1 and halvings at least 0, got {channels}, {width}, {halvings}")
        layers: list[nn.Module] = []
        before = channels
        for step in range(halvings):
            layers += [spectral_norm(nn.Conv2d(before, width << step, 4, 2, 1)), nn.LeakyReLU(SLOPE)]
            before = width << step
        layers += [spectral_norm(nn.Conv2d(before, width << halvings, 3, padding=1)), nn.LeakyReLU(SLOPE)]
        layers.append(spectral_norm(nn.Conv2d(width << halvings, 1, 3, padding=1)))
        self.layers = nn.Sequential(*layers)

    def forward(self, stacked_BCHW: Tensor) -> Tensor:
        """Conditions and images (B,C,H,W) -> scores (B,h,w)."""
        scores_B1hw: Tensor = self.layers(stacked_BCHW * 2 - 1)
        return scores_B1hw.squeeze(1)
