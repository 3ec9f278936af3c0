"""The DCGAN: noise -> images (B,C,side,side), and the discriminator that tells them from real ones; of a class where one is wanted."""

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.core.labelled import Labels

SMALLEST, LARGEST = 3, 7  # positions to a side that noise becomes first: halving a picture's side leads there
SLOPE = 0.2  # of LeakyReLU below 0. Source: DCGAN
DEVIATION = 0.02  # of all weights at first. Source: DCGAN


class Generator(nn.Module):
    """Noise (B,Z), and labels (B,) for one with classes -> images (B,channels,side,side) in [0,1].

    Strided transposed convolutions, batch norm, ReLU, no fully connected layer; each step doubles the side and halves the channels,
    `width` of them at the last. A class is a learnt vector beside the noise. Weights are drawn from torch's global generator. Raises
    SettingError for knobs that cannot work, ShapeError for other noise. Source: Radford et al. 2016 (arXiv 1511.06434).
    """

    def __init__(self, side: int, *, channels: int = 3, noise: int = 64, width: int = 32, classes: int = 0) -> None:
        super().__init__()
        base, steps = _ladder(side)
        _check(channels, noise, width, classes)
        self.noise, self.classes = noise, classes
        self.embedding = nn.Embedding(classes, noise) if classes else None
        wide = width << (steps - 1)
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(noise * (2 if classes else 1), wide, base, bias=False), nn.BatchNorm2d(wide), nn.ReLU()
        ]  # fmt: skip
        for step in range(steps - 1):
            one, two = wide >> step, wide >> (step + 1)
            layers += [nn.ConvTranspose2d(one, two, 4, 2, 1, bias=False), nn.BatchNorm2d(two), nn.ReLU()]
        layers.append(nn.ConvTranspose2d(width, channels, 4, 2, 1))
        self.layers = nn.Sequential(*layers)
        _initialise(self)

    def forward(self, noise_BZ: Tensor, labels_B: Labels | None = None) -> Tensor:
        """Noise (B,Z) and, with classes, labels (B,) -> images (B,C,H,W) in [0,1]."""
        if noise_BZ.shape[1:] != (self.noise,) or (labels_B is None) == bool(self.classes):
            with_labels = f"labels of {self.classes} classes" if self.classes else "no labels"
            raise ShapeError(f"wanted noise (B,{self.noise}) and {with_labels}, got {tuple(noise_BZ.shape)} and {labels_B!r:.40}")
        if self.embedding is not None:
            noise_BZ = torch.cat((noise_BZ, self.embedding(labels_B)), 1)
        return torch.sigmoid(self.layers(noise_BZ[:, :, None, None]).float())


class Discriminator(nn.Module):
    """Images (B,channels,side,side), and labels (B,) for one with classes -> scores (B,), higher = more like real ones.

    Strided convolutions and LeakyReLU, no fully connected hidden layer. Instead of DCGAN's batch norm its convolutions have spectral
    norm, which keeps training on a few hundred images from running away. A class is judged by projection: a learnt vector times what
    the image came to. Raises SettingError for knobs that cannot work. Source: DCGAN; Miyato et al. 2018 (arXiv 1802.05957, 1802.05637).
    """

    def __init__(self, side: int, *, channels: int = 3, width: int = 32, classes: int = 0) -> None:
        super().__init__()
        base, steps = _ladder(side)
        _check(channels, 1, width, classes)
        layers: list[nn.Module] = []
        before = channels
        for step in range(steps):
            after = width << step
            layers += [spectral_norm(nn.Conv2d(before, after, 4, 2, 1)), nn.LeakyReLU(SLOPE)]
            before = after
        self.layers = nn.Sequential(*layers)
        self.last = spectral_norm(nn.Conv2d(before, 1, base))
        self.embedding = spectral_norm(nn.Embedding(classes, before)) if classes else None

    def forward(self, images_BCHW: Tensor, labels_B: Labels | None = None) -> Tensor:
        """Images (B,C,H,W) and, with classes, labels (B,) -> scores (B,)."""
        seen_BChw = self.layers(images_BCHW * 2 - 1)
        scores_B: Tensor = self.last(seen_BChw).flatten(1).squeeze(1)
        if self.embedding is not None:
            scores_B = scores_B + (self.embedding(labels_B) * seen_BChw.sum((2, 3))).sum(1)
        return scores_B


def _ladder(side: int) -> tuple[int, int]:
    """A picture's side -> the side that noise becomes first, and how often it is doubled."""
    base, steps = side, 0
    while base > SMALLEST + 1 and base % 2 == 0:
        base, steps = base // 2, steps + 1
    if not (SMALLEST <= base <= LARGEST and steps):
        raise SettingError(f"wanted a side that is {SMALLEST} to {LARGEST} times a power of two, got {side}")
    return base, steps


def _check(channels: int, noise: int, width: int, classes: int) -> None:
    if min(channels, noise, width) < 1 or classes < 0:
        raise SettingError(
            f"channels, noise and width must be at least 1 and classes at least 0, got {channels}, {noise}, {width}, {classes}"
        )


def _initialise(module: nn.Module) -> None:
    for layer in module.modules():
        if isinstance(layer, nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, DEVIATION)
