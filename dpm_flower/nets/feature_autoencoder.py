"""The autoencoder in the cut: features (B,C,h,w) -> a narrow bottleneck (B,b,h,w) -> features (B,C,h,w) for the decider."""

from torch import Tensor, nn

from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.nets.residual_blocks import he_initialise

INNER, BOTTLENECK = 2 / 3, 1 / 3  # of the features' channels. Source: arXiv 2210.00727, where 192 become 128 and then 64


class SiluBlock(nn.Module):
    """Features (B,C,h,w) -> (B,C,h,w): two 3x3 convolutions with SiLU beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.SiLU(),
        )

    def forward(self, features_BChw: Tensor) -> Tensor:
        """Features (B,C,h,w) -> features (B,C,h,w)."""
        total: Tensor = features_BChw + self.convolutions(features_BChw)
        return total


class FeatureAutoencoder(nn.Module):
    """Features (B,C,h,w) -> bottleneck (B,b,h,w) by `encoder`, and back by `decoder`, which mirrors it.

    The encoder is CONV 3x3 to `inner` channels, SiLU, a residual block, CONV 3x3 to `bottleneck` channels; None: the published
    shares of C, two thirds and one third. With `non_negative` the decoder ends in a ReLU, as the features it stands in for did.
    Weights are drawn from torch's global generator: build it inside `core.streams.global_generator_from`. Raises SettingError for
    knobs that cannot work, ShapeError for features of another shape. Source: SPEC.md, section 3.
    """

    def __init__(self, channels: int, inner: int | None = None, bottleneck: int | None = None, non_negative: bool = True) -> None:
        super().__init__()
        if channels < 1:
            raise SettingError(f"an autoencoder needs at least one channel, got {channels}")
        self.channels = channels
        self.inner = max(1, round(channels * INNER)) if inner is None else inner
        self.bottleneck = max(1, round(channels * BOTTLENECK)) if bottleneck is None else bottleneck
        if min(self.inner, self.bottleneck) < 1:
            raise SettingError(f"inner and bottleneck channels must be at least 1 or None, got {inner} and {bottleneck}")
        self.encoder = _half(channels, self.inner, self.bottleneck)
        self.decoder = _half(self.bottleneck, self.inner, channels)
        if non_negative:
            self.decoder.append(nn.ReLU())
        he_initialise(self)

    def encode(self, features_BChw: Tensor) -> Tensor:
        """Features (B,C,h,w) -> bottleneck (B,b,h,w). Raises ShapeError for another number of channels."""
        if features_BChw.ndim != 4 or features_BChw.shape[1] != self.channels:
            raise ShapeError(f"wanted features of shape (B, {self.channels}, h, w), got {tuple(features_BChw.shape)}")
        narrow: Tensor = self.encoder(features_BChw)
        return narrow

    def decode(self, bottleneck_Bbhw: Tensor) -> Tensor:
        """Bottleneck (B,b,h,w) -> features (B,C,h,w). Raises ShapeError for another number of channels."""
        if bottleneck_Bbhw.ndim != 4 or bottleneck_Bbhw.shape[1] != self.bottleneck:
            raise ShapeError(f"wanted a bottleneck of shape (B, {self.bottleneck}, h, w), got {tuple(bottleneck_Bbhw.shape)}")
        features: Tensor = self.decoder(bottleneck_Bbhw)
        return features

    def forward(self, features_BChw: Tensor) -> Tensor:
        """Features (B,C,h,w) -> what is left of them behind the bottleneck (B,C,h,w)."""
        return self.decode(self.encode(features_BChw))


def _half(channels_in: int, inner: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, inner, 3, padding=1),
        nn.SiLU(),
        SiluBlock(inner),
        nn.Conv2d(inner, channels_out, 3, padding=1),
    )
