"""The unpoisoned features of one entity, row by row: their bytes in every type of float, and values that are theirs up to rounding."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tests.canary.likeness import best_likeness
from tests.canary.needles import float_forms
from tests.canary.unpacking import Values

LIKE = 0.9999  # cosine: 1.4 % away, ten times what bfloat16 rounds
MOST_UNALIGNED = 1 << 16  # values of an array that rows do not divide, in which they are looked for at every place


class FeatureMarker:
    """Finds rows of features (N,C,h,w), in either order of the channels; standardised as a whole or by channel, cast or copied."""

    kind = "features"

    def __init__(self, features_NChw: Tensor) -> None:
        telling = features_NChw.flatten(1).std(1) > 0
        kept = features_NChw[telling].double()
        self._shape = tuple(kept.shape[1:])
        last = kept.permute(0, 2, 3, 1).contiguous()
        rows = [("CHW", row) for row in kept] + [("HWC", row) for row in last]
        self.needles = [needle for order, row in rows for needle in float_forms(order, row)]
        self._first = kept[0].reshape(-1).numpy()
        self._units = {
            "whole rows": _unit(kept.flatten(1).numpy()),
            "whole rows, HWC": _unit(last.flatten(1).numpy()),
            "channel by channel": _unit(_by_channel(kept.numpy())),
        }

    def alike(self, values: Values) -> Iterator[str]:
        """Values -> in what form there are rows like these among them."""
        count = int(np.prod(self._shape))
        if values.values.size % count == 0:
            rows = values.values.reshape(-1, count)
            yield from (f"values, {how}" for how, units in self._units.items() if _nearest(self._seen_so(how, rows), units) > LIKE)
        elif count < values.values.size <= MOST_UNALIGNED and best_likeness(values.values.reshape(-1), self._first) > LIKE:
            yield "values, unaligned"

    def _seen_so(self, how: str, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        return _by_channel(rows.reshape(-1, *self._shape)) if how == "channel by channel" else rows


def _by_channel(features_NChw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Features (N,C,h,w) -> rows in which every channel has mean 0 and, unless it is flat, length 1."""
    flat = features_NChw.reshape(*features_NChw.shape[:2], -1)
    centred = flat - flat.mean(2, keepdims=True)
    lengths = np.linalg.norm(centred, axis=2, keepdims=True)
    scaled = np.divide(centred, lengths, out=np.zeros_like(centred), where=lengths > 1e-9)
    return scaled.reshape(len(flat), -1)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = rows - rows.mean(1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.divide(centred, lengths, out=np.zeros_like(centred), where=lengths > 0)


def _nearest(rows: NDArray[np.float64], units: NDArray[np.float64]) -> float:
    return float((_unit(rows) @ units.T).max()) if len(rows) and len(units) else -1.0


def features_of(featurizer: torch.nn.Module, images: Tensor) -> Tensor:
    """Images as bytes -> features, computed here and not by the code that is looked at."""
    with torch.inference_mode():
        answer: Tensor = featurizer(images.float() / 255)
    return answer
