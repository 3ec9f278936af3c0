"""How many bits features will take, as a loss: channels (B,C,h,w) -> the mean size of what a picture codec has to code of them."""

import math

import torch
from torch import Tensor

FAINTEST = 1e-6  # a channel that hardly varies is not blown up to one that does


def compressibility(features_BChw: Tensor) -> Tensor:
    """Channels (B,C,h,w) -> mean |DCT| of their horizontal and of their vertical first differences, the mean of both, a scalar.

    0 = every channel is flat; the fewer and the smaller coefficients there are, the fewer bits an intra coder spends. The unit is that
    of the values. A side of one pixel has no difference and counts for nothing. The transform is the orthonormal DCT-II of a whole
    channel. Source: SPEC.md, section 3.
    """
    across = features_BChw[..., 1:] - features_BChw[..., :-1]
    down = features_BChw[..., 1:, :] - features_BChw[..., :-1, :]
    return torch.stack([_spread(across), _spread(down)]).mean()


def standardised(features_BChw: Tensor) -> Tensor:
    """Channels (B,C,h,w) -> in units of each channel's standard deviation over the batch.

    The coder quantises in those units, so that a channel costs the same bits however it is scaled; without them the cheapest way to
    compressibility would be to make everything small.
    """
    deviations = features_BChw.var((0, 2, 3), unbiased=False, keepdim=True).add(FAINTEST**2).sqrt()
    return features_BChw / deviations


def dct(values_BChw: Tensor) -> Tensor:
    """Channels (B,C,h,w) -> their coefficients (B,C,h,w). Source: Ahmed, Natarajan and Rao (1974), orthonormal, in two dimensions."""
    rows, columns = (_basis(size, values_BChw) for size in values_BChw.shape[-2:])
    return rows @ values_BChw @ columns.mT


def _spread(differences_BChw: Tensor) -> Tensor:
    if not differences_BChw.numel():
        return differences_BChw.sum()  # 0, with a gradient
    return dct(differences_BChw).abs().mean()


def _basis(size: int, like: Tensor) -> Tensor:
    """A side of `size` -> (size,size): row k holds the k-th cosine at every pixel."""
    places = torch.arange(size, device=like.device, dtype=like.dtype)
    waves = torch.cos(math.pi / size * (places + 0.5) * places.unsqueeze(1)) * math.sqrt(2 / size)
    waves[0] /= math.sqrt(2)
    return waves
