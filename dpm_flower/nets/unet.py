"""The U-Net: images (B,C,H,W) -> maps (B,C',H,W) of the same size, at every position what fine and coarse detail say together."""

from itertools import pairwise
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from dpm_flower.core.errors import SettingError, ShapeError

Output: TypeAlias = Literal["logits", "unit"]  # free numbers, or numbers in [0,1]


class DoubleConvolution(nn.Sequential):
    """Features (B,C,h,w) -> (B,C',h,w): twice CONV-BN-ReLU, 3x3."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__(
            nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(),
            nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(),
        )


class UNet(nn.Module):
    """Images (B,channels_in,H,W) -> maps (B,channels_out,H,W), H and W multiples of 2 to the power of `depth`.

    `depth` times half the size and twice the channels, `width` of them at full size; on the way up each size is joined with what was
    there on the way down. It has no notion of size: what was trained on patches reads whole pictures. Weights are drawn from torch's
    global generator. Raises SettingError for knobs that cannot work, ShapeError for other images.
    Source: Ronneberger et al. 2015 (arXiv 1505.04597), with batch norm and padded convolutions.
    """

    def __init__(self, channels_in: int, channels_out: int, *, width: int = 16, depth: int = 3, output: Output = "logits") -> None:
        super().__init__()
        if min(channels_in, channels_out, width, depth) < 1:
            raise SettingError(f"channels, width and depth must be at least 1, got {channels_in}, {channels_out}, {width}, {depth}")
        if output not in ("logits", "unit"):
            raise SettingError(f'output must be "logits" or "unit", got {output!r}')
        self.channels_in, self.depth, self.output = channels_in, depth, output
        widths = [width << level for level in range(depth + 1)]
        self.first = DoubleConvolution(channels_in, width)
        self.down = nn.ModuleList(DoubleConvolution(one, two) for one, two in pairwise(widths))
        self.up = nn.ModuleList(DoubleConvolution(one + two, one) for one, two in pairwise(widths))
        self.pool, self.enlarge = nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="nearest")
        self.last = nn.Conv2d(width, channels_out, 1)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Images (B,C,H,W) -> maps (B,C',H,W)."""
        multiple = 1 << self.depth
        if images_BCHW.shape[1] != self.channels_in or images_BCHW.shape[2] % multiple or images_BCHW.shape[3] % multiple:
            raise ShapeError(
                f"wanted images (B,{self.channels_in},H,W) with sides that are multiples of {multiple}, got {tuple(images_BCHW.shape)}"
            )
        seen: list[Tensor] = [self.first(images_BCHW)]
        for level in self.down:
            seen.append(level(self.pool(seen[-1])))
        maps = seen.pop()
        for level in reversed(self.up):
            maps = level(torch.cat((seen.pop(), self.enlarge(maps)), 1))
        maps = self.last(maps)
        return torch.sigmoid(maps.float()) if self.output == "unit" else maps
