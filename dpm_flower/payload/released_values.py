"""Values on their way out: what may be released at all, and the type and the range in which it leaves."""

from dataclasses import dataclass
from typing import NoReturn

import torch
from torch import Tensor

from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.core.labelled import BRIGHTEST
from dpm_flower.payload.pieces import written
from dpm_flower.payload.quantised import Values
from dpm_flower.payload.released_spec import Kind
from dpm_flower.payload.rules import shown

_FLOATS = {"float16": torch.float16, "float32": torch.float32}


@dataclass(frozen=True, slots=True, eq=False)
class ReleasedValues:
    """Values (n,C,H,W) on the CPU as a method gave them, the type they leave in, and the least and the most they may be."""

    kind: Kind
    values: Tensor
    dtype: torch.dtype
    least: float
    most: float

    def write(self, start: int, place: Tensor) -> None:
        """The samples from `start` on, as many as there is place for, written there. Raises ReleaseError for a value out of range."""
        if not written(self.values[start : start + len(place)], place, self.least, self.most):
            self._refuse()

    @property
    def sample_shape(self) -> tuple[int, int, int]:
        """The shape (C,H,W) of one sample."""
        channels, height, width = self.values.shape[1:]
        return channels, height, width

    def floats(self, start: int, samples: int) -> Values:
        """As many samples from `start` on, or those that are left, as float32 in the range. Raises ReleaseError for a value out of it."""
        piece = self.values[start : start + samples]
        place = torch.empty(piece.shape)
        self.write(start, place)
        return place.numpy()

    def _refuse(self) -> NoReturn:
        """All values are looked at, so that it is said of the batch and not of a shard."""
        if strange := int((~self.values.isfinite()).sum()):
            raise ReleaseError(f"{self.kind} must be finite, got {strange} values that are not")
        low, high = (float(end) for end in self.values.aminmax())
        if self.kind == "images":
            raise ReleaseError(f"images must lie in [0, 1], got a range from {low} to {high}")
        name = str(self.dtype).removeprefix("torch.")
        raise ReleaseError(f"features of {name} may reach {self.most}, got {max(-low, high)}")


def released_features(features_BChw: Tensor, dtype: str) -> ReleasedValues:
    """Features and the name of a type -> the same as they leave. Raises SettingError for another type, ReleaseError for another shape."""
    if dtype not in _FLOATS:
        raise SettingError(f"features are released as {' or '.join(_FLOATS)}, got {shown(dtype)}")
    _check_form(features_BChw, "features")
    limit = torch.finfo(_FLOATS[dtype]).max
    return ReleasedValues("features", features_BChw.cpu(), _FLOATS[dtype], -limit, limit)


def released_images(images_BCHW: Tensor) -> ReleasedValues:
    """Images, bytes or floats -> the same as they leave, which is as bytes. Raises ReleaseError for another type or shape."""
    if images_BCHW.dtype == torch.uint8 and images_BCHW.ndim == 4 and images_BCHW.numel():
        return ReleasedValues("images", images_BCHW.cpu(), torch.uint8, 0.0, BRIGHTEST)
    _check_form(images_BCHW, "images")
    return ReleasedValues("images", images_BCHW.cpu(), torch.uint8, 0.0, 1.0)


def _check_form(values: Tensor, what: Kind) -> None:
    if values.ndim != 4 or not values.numel() or not values.is_floating_point():
        raise ReleaseError(f"{what} must be four-dimensional floats, at least one sample, got {values.dtype} {tuple(values.shape)}")
