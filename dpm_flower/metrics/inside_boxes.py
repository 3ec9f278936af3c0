"""How well a guess recovers what is inside the boxes of an image."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dpm_flower.core.boxed import CORNERS
from dpm_flower.core.errors import ShapeError
from dpm_flower.metrics.image_pair import check_image_pair
from dpm_flower.metrics.ssim_map import WINDOW, Moments, blurred, ssim_maps

PIECE_IMAGES = 64  # images scored at a time: images of detectors are large


@dataclass(frozen=True, slots=True, eq=False)
class InsideBoxes:
    """Scores of guesses (N,) in [-1,1] inside of the boxes, and of which images there is one.

    Where `has_inside` is false there is no pixel in a box, and the score is 0 and stands for nothing.
    """

    inside: Tensor
    has_inside: Tensor


def inside_boxes(images_N3HW: Tensor, guesses_N3HW: Tensor, boxes: Sequence[Tensor]) -> InsideBoxes:
    """Images and guesses (N,C,H,W) in [0,1], and of each image its boxes (M_i,4), corners in pixels -> windowed SSIM inside.

    As `windowed_ssim`: the mean over pixels and channels of max(SSIM(x, g), SSIM(x, 1 - g)), which sees a negative as well as the
    picture. Around each pixel lies a window, of which only that part counts that is in a box too: a guess that is the image
    inside the boxes scores 1 there whatever it is outside, and a box may be smaller than a window. The fewer pixels a window
    has left, the more a guess scores by chance: compare with what tells nothing, in the same boxes.
    Raises as `similarity` does, and ShapeError for other numbers of boxes.
    """
    check_image_pair(images_N3HW, guesses_N3HW)
    if len(boxes) != len(images_N3HW) or any(each.ndim != 2 or each.shape[1] != CORNERS for each in boxes):
        raise ShapeError(f"wanted boxes (M,4) of each of {len(images_N3HW)} images, got {[tuple(each.shape) for each in boxes][:5]}")
    height, width = images_N3HW.shape[-2:]
    inside_NHW = torch.stack([pixels_in(each, (height, width)) for each in boxes]).to(images_N3HW.device)
    pieces = [torch.split(each, PIECE_IMAGES) for each in (images_N3HW, guesses_N3HW, inside_NHW)]
    scores = torch.cat([_scores(images, guesses, region) for images, guesses, region in zip(*pieces, strict=True)])
    return InsideBoxes(scores, inside_NHW.flatten(1).any(1))


def pixels_in(boxes_M4: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes, corners in pixels, and height and width of their image -> which pixels have their centre in any of them, (H,W) bool."""
    rows, columns = (torch.arange(length, device=boxes_M4.device) + 0.5 for length in size)
    xmin, ymin, xmax, ymax = (each.unsqueeze(1) for each in boxes_M4.unbind(1))
    in_columns, in_rows = (columns >= xmin) & (columns < xmax), (rows >= ymin) & (rows < ymax)
    return (in_rows.unsqueeze(2) & in_columns.unsqueeze(1)).any(0)


def _scores(images: Tensor, guesses: Tensor, region_BHW: Tensor) -> Tensor:
    """-> the mean over the region's pixels and all channels (B,), 0 where the region is empty."""
    picture, negative = ssim_maps(_moments(images, guesses, region_BHW))
    alike_BHW = torch.maximum(picture, negative).mean(1)
    return torch.where(region_BHW, alike_BHW, 0.0).sum((1, 2)) / region_BHW.sum((1, 2)).clamp(min=1)


def _moments(images: Tensor, guesses: Tensor, region_BHW: Tensor) -> Moments:
    """The moments of windows around all pixels, over what of them is in the region; in double, which small windows need."""
    weights_B1HW = region_BHW.unsqueeze(1).double()
    whole = _around(weights_B1HW)  # 0, and so no moments, only around pixels that are not in the region
    x, g = images.double() * weights_B1HW, guesses.double() * weights_B1HW
    mean_x, mean_g = _around(x) / whole, _around(g) / whole
    variances = _around(x.square() + g.square()) / whole - (mean_x.square() + mean_g.square())
    return Moments(mean_x, mean_g, variances, _around(x * g) / whole - mean_x * mean_g)


def _around(values_BCHW: Tensor) -> Tensor:
    """Values -> their weighted sum in the window around each pixel (B,C,H,W); beyond the border there is nothing."""
    return blurred(F.pad(values_BCHW, [WINDOW // 2] * 4))
