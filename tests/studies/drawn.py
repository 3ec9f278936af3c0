"""What a chart shows, read from its pixels."""

import io

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image


def pixels(png):
    """A PNG -> its pixels (H,W,3), whole numbers from 0 to 255."""
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def coloured(image, colour, off=1):
    """Pixels (H,W,3) -> which of them have this colour, each channel up to `off` levels beside it, (H,W) bool."""
    return np.abs(image - np.round(np.array(to_rgb(colour)) * 255)).max(-1) <= off


def amount(image, colour):
    """Pixels (H,W,3) -> how many have this colour."""
    return int(coloured(image, colour).sum())
