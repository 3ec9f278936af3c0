"""The reconstructor: features (B,C,h,w) -> images (B,3,H,W) in [0,1]."""

from typing import Literal, TypeAlias

from torch import Tensor, nn
from torch.nn import functional

from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.nets.unit_range import clamp, min_max

ReconstructorKind: TypeAlias = Literal["plain", "residual"]
Normalisation: TypeAlias = Literal["min-max", "clamp"]
Side: TypeAlias = int | tuple[int, int]  # of square images, pixels; or height and width

WIDEST = 256  # channels; the first 1x1 convolution brings wider features down to it, or their 3x3 ones would cost most of all
NARROWEST = 32  # channels; halving stops here, because the full-resolution convolutions have all the detail to draw


class InverseBottleneck(nn.Module):
    """Features (B,C,h,w) -> (B,C',h,w): CONV-BN-CONV-BN-CONV-ReLU (1x1, 3x3, 1x1), half as wide again in the middle.

    Residual blocks add their input before the ReLU, through a 1x1 convolution where the channels change.
    Source: SPEC.md, section 1, "R's architecture".
    """

    def __init__(self, channels_in: int, channels_out: int, kind: ReconstructorKind) -> None:
        super().__init__()
        # Twice as wide would nearly double the computing; measured by the output, or wide features would make it boundless.
        inner = channels_out * 3 // 2
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels_in, inner, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.Conv2d(inner, inner, 3, padding=1, bias=False),
            nn.BatchNorm2d(inner),
            nn.Conv2d(inner, channels_out, 1),
        )
        self.relu = nn.ReLU()
        self.shortcut: nn.Module | None = None
        if kind == "residual":
            self.shortcut = nn.Identity() if channels_in == channels_out else nn.Conv2d(channels_in, channels_out, 1, bias=False)

    def forward(self, features_BChw: Tensor) -> Tensor:
        """Features (B,C,h,w) -> features (B,C',h,w)."""
        inner = self.convolutions(features_BChw)
        if self.shortcut is not None:
            inner = inner + self.shortcut(features_BChw)
        activations: Tensor = self.relu(inner)
        return activations


class Reconstructor(nn.Module):
    """Features (B,C,h,w) of any shape -> images (B,3,H,W) in [0,1], both H and W the `side` where that is one number.

    `blocks` inverse bottlenecks before each step of `upscale`, then CONV-BN-ReLU-CONV at full resolution. There are as many
    steps as it takes to reach `side`, and one group of blocks even where it takes none. Where the steps lead past `side`, the
    output is averaged down to it (area interpolation), and only then normalised. Channels start at those of the features and
    halve with each step: a step multiplies the positions by its square, so constant channels would put nearly all the computing
    into the last group. Weights are drawn from torch's global generator. Raises SettingError for knobs that cannot work, ShapeError
    for features of another shape. Source: SPEC.md, section 1, "R's architecture".
    """

    def __init__(
        self,
        features: tuple[int, int, int],
        side: Side = 32,
        kind: ReconstructorKind = "plain",
        blocks: int = 2,
        upscale: int = 2,
        normalisation: Normalisation = "min-max",
    ) -> None:
        super().__init__()
        size = (side, side) if isinstance(side, int) else (side[0], side[1])
        _check_knobs(features, size, kind, blocks, upscale, normalisation)
        self.features, self.size = features, size
        self.kind, self.blocks, self.upscale, self.normalisation = kind, blocks, upscale, normalisation
        steps = max(_steps(few, many, upscale) for few, many in zip(features[1:], size, strict=True))
        widest = min(features[0], WIDEST)
        groups: list[nn.Module] = []
        channels = features[0]
        for step in range(max(1, steps)):
            wide = max(min(widest, NARROWEST), widest >> step)
            for _ in range(blocks):
                groups.append(InverseBottleneck(channels, wide, kind))
                channels = wide
            if step < steps:
                groups.append(nn.Upsample(scale_factor=upscale, mode="nearest"))
        self.groups = nn.Sequential(*groups)
        last = nn.Conv2d(channels, 3, 3, padding=1)
        if normalisation == "clamp" and last.bias is not None:
            nn.init.constant_(last.bias, 0.5)  # mid-grey: outside [0,1] there is no gradient to learn by
        self.full_resolution = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(), last
        )

    @property
    def notation(self) -> str:
        """Block kind, blocks per upscale, upscale factor, and the normalisation where it is not min-max: "plain-2-x2"."""
        return f"{self.kind}-{self.blocks}-x{self.upscale}" + ("" if self.normalisation == "min-max" else f"-{self.normalisation}")

    def forward(self, features_BChw: Tensor) -> Tensor:
        """Features (B,C,h,w) -> images (B,3,H,W) in [0,1]. Raises ShapeError for other features."""
        if tuple(features_BChw.shape[1:]) != self.features:
            raise ShapeError(f"wanted features of shape (B, {', '.join(map(str, self.features))}), got {tuple(features_BChw.shape)}")
        images = self.full_resolution(self.groups(features_BChw))
        if tuple(images.shape[2:]) != self.size:
            images = functional.interpolate(images, size=self.size, mode="area")
        return min_max(images) if self.normalisation == "min-max" else clamp(images)


def _steps(least: int, side: int, upscale: int) -> int:
    """How many times `least` pixels must be multiplied by `upscale` to be at least `side`."""
    steps = 0
    while least * upscale**steps < side:
        steps += 1
    return steps


def _check_knobs(
    features: tuple[int, int, int],
    size: tuple[int, int],
    kind: str,
    blocks: int,
    upscale: int,
    normalisation: str,
) -> None:
    """Raises SettingError for knobs that cannot work."""
    if len(features) != 3 or min(features) < 1:
        raise SettingError(f"features are three positive numbers (C, h, w), got {features}")
    if features[1] > size[0] or features[2] > size[1]:
        wanted = f"side of {size[0]}" if size[0] == size[1] else f"size of {size[0]}x{size[1]}"
        raise SettingError(f"features must be no larger than the image's {wanted}, got {features[1]}x{features[2]}")
    if kind not in ("plain", "residual"):
        raise SettingError(f'a reconstructor\'s kind is "plain" or "residual", got {kind!r}')
    if upscale not in (2, 4):
        raise SettingError(f"a reconstructor's upscale is 2 or 4, got {upscale}")
    if normalisation not in ("min-max", "clamp"):
        raise SettingError(f'a reconstructor\'s normalisation is "min-max" or "clamp", got {normalisation!r}')
    if blocks < 1:
        raise SettingError(f"blocks must be at least 1, got {blocks}")
