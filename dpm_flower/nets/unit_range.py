"""Bringing a network's free output into the range of images: (B,C,H,W) -> (B,C,H,W) in [0,1]."""

from torch import Tensor

# An image flatter than this is made no more contrasted: there is nothing in it but noise, and the gradient of the division
# would have no bound.
LEAST_RANGE = 1e-3


def min_max(images_BCHW: Tensor) -> Tensor:
    """Values (B,C,H,W) -> [0,1], each image stretched so that its least value is 0 and its greatest 1; a flat one becomes black.

    Finite, with finite gradients, for every finite input.
    """
    values = images_BCHW.float()  # the difference of two close numbers needs all the digits there are
    low = values.amin(dim=(1, 2, 3), keepdim=True)
    spread = values.amax(dim=(1, 2, 3), keepdim=True) - low
    # Division may round the greatest value up by one digit.
    return ((values - low) / spread.clamp_min(LEAST_RANGE)).clamp_max(1.0)


def clamp(images_BCHW: Tensor) -> Tensor:
    """Values (B,C,H,W) -> [0,1], what lies outside cut off."""
    return images_BCHW.float().clamp(0.0, 1.0)
