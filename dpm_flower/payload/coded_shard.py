"""A shard of features in a codec: values (n,C,h,w) with labels (n,) -> a safetensors file of their pictures, and back."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from dpm_flower.core.errors import ReleaseError
from dpm_flower.core.feature_spec import FeatureSpec
from dpm_flower.payload.feature_codec import Coded, coded, decoded
from dpm_flower.payload.quantised import Bounds, Values
from dpm_flower.payload.rules import shown

Labels: TypeAlias = npt.NDArray[np.int64]

FORMS: Mapping[str, str] = {"labels": "I64", "low": "F32", "high": "F32", "lengths": "I64", "pictures": "U8"}  # each has one dimension


def coded_file(values_nChw: Values, labels: Labels, codec: str) -> bytes:
    """Finite values with their labels and a codec's name -> the file."""
    came = coded(values_nChw, codec)
    return save(
        {
            "labels": labels,
            "low": came.bounds.low,
            "high": came.bounds.high,
            "lengths": np.array([len(picture) for picture in came.pictures], np.int64),
            "pictures": np.frombuffer(b"".join(came.pictures), np.uint8),
        }
    )


def coded_content(found: Mapping[str, npt.NDArray[np.generic]], shard: str, spec: FeatureSpec, most: int) -> tuple[Values, Labels]:
    """Arrays of one dimension each, of a shard's file, and how many samples there may be -> values and labels.

    Raises ReleaseError for anything that does not fit together, before there is room made for any value.
    """
    labels = found["labels"].astype(np.int64)
    if not 0 < len(labels) <= most:
        raise ReleaseError(f"shard {shard} may hold 1 to {most} samples, got {len(labels)}")
    bounds = Bounds(found["low"].astype(np.float32), found["high"].astype(np.float32))
    _check_bounds(bounds, shard, spec)
    pictures = _pictures(found["lengths"].tolist(), found["pictures"].tobytes(), shard)
    try:
        return decoded(Coded(bounds, pictures), len(labels), spec.shape, spec.codec), labels
    except ReleaseError as err:
        raise ReleaseError(f"shard {shard}: {err}") from err


def _check_bounds(bounds: Bounds, shard: str, spec: FeatureSpec) -> None:
    limit = float(np.finfo(spec.dtype).max)
    for low_or_high in (bounds.low, bounds.high):
        if len(low_or_high) != spec.shape[0]:
            raise ReleaseError(f"shard {shard} must have the bounds of {spec.shape[0]} channels, got {len(low_or_high)}")
    if not bool((-limit <= bounds.low).all() and (bounds.low <= bounds.high).all() and (bounds.high <= limit).all()):  # no NaN is
        raise ReleaseError(f"shard {shard}: the bounds of channels must rise and be finite, within {limit} of 0")


def _pictures(lengths: Sequence[int], joined: bytes, shard: str) -> list[bytes]:
    """How long each picture is, and all of them one after the other -> each of them."""
    if any(length < 1 for length in lengths) or sum(lengths) != len(joined):
        raise ReleaseError(f"shard {shard} has {len(joined)} bytes of pictures, got lengths of {shown(lengths)}")
    ends = np.cumsum(lengths).tolist()
    return [joined[end - length : end] for end, length in zip(ends, lengths, strict=True)]
