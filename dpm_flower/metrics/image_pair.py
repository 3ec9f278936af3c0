"""The door of every image score: two batches of images that can be compared."""

from torch import Tensor

from dpm_flower.core.errors import MetricError, ShapeError


def check_image_pair(images_BCHW: Tensor, guesses_BCHW: Tensor) -> None:
    """Raises ShapeError unless both are (B,C,H,W) of one shape; MetricError unless values are floats, finite and in [0,1], and B > 0."""
    if images_BCHW.ndim != 4 or images_BCHW.shape != guesses_BCHW.shape:
        raise ShapeError(
            f"wanted images and guesses of one shape (B,C,H,W), got {tuple(images_BCHW.shape)} and {tuple(guesses_BCHW.shape)}"
        )
    if not images_BCHW.numel():
        raise MetricError(f"wanted at least one image of at least one pixel, got {tuple(images_BCHW.shape)}")
    for name, values in (("images", images_BCHW), ("guesses", guesses_BCHW)):
        if not values.is_floating_point():
            raise MetricError(f"wanted {name} as floats in [0, 1], got {values.dtype}")
        low, high = float(values.min()), float(values.max())
        if not (low >= 0.0 and high <= 1.0):  # also false for NaN
            raise MetricError(f"wanted {name} finite and in [0, 1], got a range from {low} to {high}")
