"""Super-resolution of mixed images: as they are released (B,3,H,W) -> guesses (B,3,H,W) in [0,1]."""

import torch
from torch import Tensor, nn

from dpm_flower.core.errors import ShapeError
from dpm_flower.nets.encryption import SUB_PATCHES, reduced
from dpm_flower.nets.patches import check_patch, columns_of, cut
from dpm_flower.nets.reconstructor import Reconstructor

LEAST_CHANNELS = 48  # of the map that is drawn from: what mixed patches of 8 x 8 pixels have


class Unmixer(nn.Module):
    """What a mixed image shows, and what the house's reconstructor draws over it; at first nothing.

    To the reconstructor a mixed patch is one place of a feature map, its pixels the channels: a convolution over single mixed pixels
    would not know from which quarters they come. Small patches, which have few values, are widened first. Weights are drawn from
    torch's global generator. Raises SettingError for patches that do not fill the image, ShapeError for images of another shape.
    """

    def __init__(self, side: int, patch: int) -> None:
        super().__init__()
        check_patch(patch, even=True)
        columns, half = columns_of(side, patch), patch // SUB_PATCHES
        self.side, self.patch = side, patch
        values = 3 * half * half
        self.widened: nn.Module = nn.Identity()
        if values < LEAST_CHANNELS:  # else the mildest mixing would meet the weakest network
            self.widened = nn.Sequential(nn.Conv2d(values, LEAST_CHANNELS, 1, bias=False), nn.BatchNorm2d(LEAST_CHANNELS))
        self.drawing = Reconstructor((max(values, LEAST_CHANNELS), columns, columns), side, "residual", blocks=1, normalisation="clamp")
        last = self.drawing.full_resolution[-1]
        if isinstance(last, nn.Conv2d):
            nn.init.zeros_(last.weight)

    def forward(self, images_B3HW: Tensor) -> Tensor:
        """Mixed images, enlarged (B,3,side,side), in [0,1] -> guesses (B,3,side,side) in [0,1]."""
        if tuple(images_B3HW.shape[1:]) != (3, self.side, self.side):
            raise ShapeError(f"wanted images (B, 3, {self.side}, {self.side}), got {tuple(images_B3HW.shape)}")
        drawn = 2.0 * self.drawing(self.widened(as_features(images_B3HW, self.patch))) - 1.0
        guesses = images_B3HW + drawn
        # outside [0,1] there would be no gradient to learn by
        return guesses if self.training else torch.clamp(guesses, 0.0, 1.0)


def as_features(mixed_B3HW: Tensor, patch: int) -> Tensor:
    """Mixed images as they are released, floats -> their patches as a feature map (B, values of a mixed patch, columns, columns)."""
    patches = cut(reduced(mixed_B3HW), patch // SUB_PATCHES).flatten(2)
    columns = round(patches.shape[1] ** 0.5)
    return patches.transpose(1, 2).reshape(len(patches), -1, columns, columns).contiguous()
