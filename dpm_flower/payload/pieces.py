"""Values written where they belong, checked and converted a piece at a time: a piece stays in the cache, so memory is read once."""

import torch
from torch import Tensor

from dpm_flower.core.labelled import as_bytes

PIECE_VALUES = 1 << 18  # a MiB of float32: small enough for a cache, large enough for the calls not to count


def written(values: Tensor, place: Tensor, least: float, most: float) -> bool:
    """Values (n,*shape) and a place of that shape -> whether all lie in [least, most], which no NaN does; if so, they are there.

    Floats in a place for bytes are images, see core/labelled.py.
    """
    samples = max(1, PIECE_VALUES // values[0].numel())
    for piece, room in zip(torch.split(values, samples), torch.split(place, samples), strict=True):
        low, high = piece.aminmax()  # NaN if one is
        if not least <= float(low) <= float(high) <= most:
            return False
        room.copy_(as_bytes(piece) if place.dtype == torch.uint8 else piece)
    return True
