"""Two networks that see what was released for an image and the image's features as points: near each other where both are of one image."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpm_flower.core.errors import SettingError, ShapeError

COARSE = 4  # positions to a side that are kept: fewer forget where things are, more want every outline at its place
COLDEST = 0.01  # the least temperature; without a bound, a matcher that is sure of its pairs divides by nothing


class Embedding(nn.Module):
    """Features (B,C,h,w) -> points on the unit sphere (B,E): two 3x3 convolutions, averages over a coarse grid, one linear layer.

    The first convolution standardises its channels, and halves the grid where the coarse one still has two positions to each of its
    own: at full size most of the computing would be averaged away.
    """

    def __init__(self, features: tuple[int, int, int], width: int, size: int) -> None:
        super().__init__()
        channels, height, breadth = features
        self.features = features
        stride = 2 if min(height, breadth) >= 2 * COARSE else 1
        rows, columns = math.ceil(height / stride), math.ceil(breadth / stride)
        kernel = (math.ceil(rows / COARSE), math.ceil(columns / COARSE))
        positions = math.ceil(rows / kernel[0]) * math.ceil(columns / kernel[1])
        self.convolutions = nn.Sequential(
            nn.BatchNorm2d(channels, affine=False),
            nn.Conv2d(channels, width, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.AvgPool2d(kernel, ceil_mode=True),
        )
        self.linear = nn.Linear(width * positions, size)

    def forward(self, features_BChw: Tensor) -> Tensor:
        """Features (B,C,h,w) -> points (B,E) at distance 1 from the origin. Raises ShapeError for other features."""
        if tuple(features_BChw.shape[1:]) != self.features:
            raise ShapeError(f"wanted features of shape (B, {', '.join(map(str, self.features))}), got {tuple(features_BChw.shape)}")
        return functional.normalize(self.linear(self.convolutions(features_BChw).flatten(1)), dim=1)


class Matcher(nn.Module):
    """Features that were released (B,C,h,w) and candidates' features (B,C,h,w) -> how alike each of both are (B,B).

    Weights are drawn from torch's global generator. Raises SettingError for sizes that cannot work.
    """

    def __init__(self, features: tuple[int, int, int], width: int = 64, size: int = 128) -> None:
        super().__init__()
        if min(*features, width, size) < 1:
            raise SettingError(f"a matcher has at least one channel, position and number, got {features}, {width}, {size}")
        self.released = Embedding(features, width, size)
        self.candidate = Embedding(features, width, size)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(0.1)))

    def forward(self, released_BChw: Tensor, candidates_BChw: Tensor) -> Tensor:
        """Features (B,C,h,w), twice -> the points' cosines over the temperature (B,B), released ones by row."""
        cosines: Tensor = self.released(released_BChw) @ self.candidate(candidates_BChw).T
        return cosines / self.log_temperature.exp().clamp_min(COLDEST)
