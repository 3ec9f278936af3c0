"""The coder of features: values (n,C,h,w) -> pictures of an image codec with the bounds of their quantisation, and back.

Every channel of every sample is quantised and laid beside the others in grey pictures, as many as there is room for in each: a
picture for every sample would spend most of its bytes on headers. Source: SPEC.md, section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dpm_flower.core.codec_name import codec_of
from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.picture import coded_picture, decoded_picture, most_bytes
from dpm_flower.payload.quantised import Bounds, Values, bounds_of, quantised, restored
from dpm_flower.payload.tiling import Tiles, tiled, tilings, untiled

BOUNDS_BYTES = 8  # a channel: two float32
LENGTH_BYTES = 8  # a picture: one int64


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """Bitstreams of pictures, and the bounds (C,) of their channels: all that is needed beside the number of samples and their shape."""

    bounds: Bounds
    pictures: Sequence[bytes]


def coded(values_nChw: Values, codec: str) -> Coded:
    """Finite values and a codec's name -> them coded. Raises SettingError for an unknown codec."""
    kind, shape = codec_of(codec), values_nChw.shape[1:]
    wheres = pictures_of(len(values_nChw), (shape[0], shape[1], shape[2]))
    bounds = bounds_of(values_nChw)
    pixels = quantised(values_nChw, bounds, kind.levels)
    channels = np.ascontiguousarray(pixels.swapaxes(0, 1)).reshape(-1, *shape[1:])  # those of one kind beside each other
    return Coded(bounds, [coded_picture(tiled(channels, where), kind) for where in wheres])


def decoded(came: Coded, samples: int, shape: tuple[int, int, int], codec: str) -> Values:
    """What was coded, the number of samples and their shape (C,h,w) -> values (n,C,h,w). Memory is that of those values and some pictures.

    Raises ReleaseError for pictures that are not as many or not as large as that takes, or damaged.
    """
    kind, wheres = codec_of(codec), pictures_of(samples, shape)
    if len(came.pictures) != len(wheres):
        raise ReleaseError(f"wanted {len(wheres)} pictures of {samples} samples, got {len(came.pictures)}")
    pictures = [decoded_picture(data, where.shape, kind) for data, where in zip(came.pictures, wheres, strict=True)]
    pixels = untiled(pictures, wheres).reshape(shape[0], samples, *shape[1:]).swapaxes(0, 1)
    return restored(pixels, came.bounds, kind.levels)


def pictures_of(samples: int, shape: tuple[int, int, int]) -> list[Tiles]:
    """How many samples of what shape (C,h,w) there are -> the pictures that hold them."""
    return list(tilings(samples * shape[0], *shape[1:]))


def most_coded_bytes(samples: int, shape: tuple[int, int, int]) -> int:
    """As `pictures_of` -> the most bytes that they and what belongs to them take, whatever the values and the codec."""
    room = (most_bytes(where.shape) + LENGTH_BYTES for where in pictures_of(samples, shape))
    return sum(room) + BOUNDS_BYTES * shape[0]
