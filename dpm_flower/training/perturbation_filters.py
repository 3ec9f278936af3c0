"""Filters of feature maps: features (B,C,h,w) with a symmetric window -> each channel filtered by itself along both axes."""

import torch
from torch import Tensor

TAILS = 4.0  # standard deviations after which a Gaussian is cut off; what lies beyond is 0.006 % of it


def gaussian_window(sigma: float) -> Tensor:
    """Standard deviation in feature pixels -> a Gaussian's weights (k,), float64, that add up to 1; k is odd."""
    reach = int(TAILS * sigma + 0.5)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / sigma).square())
    return weights / weights.sum()


def mean_window(kernel: int) -> Tensor:
    """Odd width in feature pixels -> equal weights (k,), float64, that add up to 1."""
    return torch.full((kernel,), 1 / kernel, dtype=torch.float64)


def filtered(features_BChw: Tensor, window_k: Tensor) -> Tensor:
    """Features (B,C,h,w) and a symmetric window (k,), k odd -> features (B,C,h,w), filtered by window x window.

    Beyond its border a map goes on as its mirror image, border values repeated (d c b a | a b c d | d c b a). So a window may be
    wider than the map, a channel keeps its mean, and the limit of ever wider windows is that mean everywhere.
    """
    height, width = features_BChw.shape[-2:]
    down_hh, along_ww = (_filter_matrix(size, window_k).to(features_BChw) for size in (height, width))
    return down_hh @ features_BChw @ along_ww.T


def _filter_matrix(size: int, window_k: Tensor) -> Tensor:
    """A length and a window (k,) -> the matrix (size, size) that filters a column of that length, its mirror images folded in."""
    reach = len(window_k) // 2
    places = torch.arange(size).unsqueeze(1) + torch.arange(-reach, reach + 1)
    places = places.remainder(2 * size)  # map and mirror image repeat
    inside = torch.minimum(places, 2 * size - 1 - places)
    return torch.zeros(size, size, dtype=window_k.dtype).scatter_add_(1, inside, window_k.expand(size, -1))
