"""Images as the square patches that they consist of: (B,C,H,W) <-> (B,N,C,p,p), in reading order."""

import torch
from torch import Tensor

from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.core.secret_streams import child_stream


def check_patch(patch: int, *, even: bool = False) -> None:
    """Raises SettingError for what is no side of a patch in pixels, or with `even` for one that cannot be halved."""
    if patch < 1 or (even and patch % 2):
        raise SettingError(f"a patch has a side of {'an even number' if even else 'at least one'} of pixels, got {patch}")


def columns_of(side: int, patch: int) -> int:
    """The sides of a square image and of a patch, in pixels -> patches in a row. Raises SettingError unless they fill it exactly."""
    if patch < 1 or side % patch or side < patch:
        raise SettingError(f"wanted patches that fill a side of {side} pixels exactly, got patches of {patch}")
    return side // patch


def cut(images_BCHW: Tensor, patch: int) -> Tensor:
    """Images (B,C,H,W) -> their patches (B,N,C,p,p), in reading order.

    Raises ShapeError for images that are not square, SettingError where patches do not fill them.
    """
    if images_BCHW.ndim != 4 or images_BCHW.shape[2] != images_BCHW.shape[3]:
        raise ShapeError(f"wanted square images (B,C,H,W), got {tuple(images_BCHW.shape)}")
    batch, channels, side, _ = images_BCHW.shape
    columns = columns_of(side, patch)
    grid = images_BCHW.reshape(batch, channels, columns, patch, columns, patch)
    return grid.permute(0, 2, 4, 1, 3, 5).reshape(batch, columns * columns, channels, patch, patch)


def pasted(patches_BNCpp: Tensor) -> Tensor:
    """Patches (B,N,C,p,p) in reading order -> images (B,C,H,W); undoes `cut`. Raises ShapeError unless N is a square number."""
    batch, count, channels, patch, _ = patches_BNCpp.shape
    columns = round(count**0.5)
    if columns * columns != count:
        raise ShapeError(f"wanted as many patches as fill a square, got {count}")
    grid = patches_BNCpp.reshape(batch, columns, columns, channels, patch, patch)
    return grid.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels, columns * patch, columns * patch)


def rearranged(patches_BNCpp: Tensor, order_BN: Tensor) -> Tensor:
    """Patches (B,N,C,p,p) and which of them comes where (B,N) -> patches in that order (B,N,C,p,p)."""
    rows = torch.arange(len(order_BN), device=order_BN.device).unsqueeze(1)
    return patches_BNCpp[rows, order_BN]


def unordered(images_BCHW: Tensor, patch: int) -> Tensor:
    """Images (B,C,H,W) -> each pixel of a patch, sorted over the image's patches (B,N,C,p,p): the same in whatever order they come.

    Between two images it lies no further apart than their patches do when matched as well as they can be: little noise changes it little.
    """
    return cut(images_BCHW, patch).sort(1).values


def fresh_orders(images: int, patches: int, rng: torch.Generator) -> Tensor:
    """How many images of how many patches -> a uniformly random order for each image (B,N).

    Every image has a stream of its own: whoever solves one image's puzzle learns nothing about another's order.
    """
    orders = [torch.randperm(patches, generator=child_stream(rng)) for _ in range(images)]
    return torch.stack(orders) if orders else torch.empty(0, patches, dtype=torch.int64)
