"""A shard as it is stored -> the arrays in it, before anything is made of them."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, deserialize

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.shard import Shard

_NUMPY = {"F16": "<f2", "F32": "<f4", "I64": "<i8", "U8": "u1"}  # safetensors is little-endian on every machine

Array: TypeAlias = npt.NDArray[np.generic]
Stored: TypeAlias = dict[str, Any]  # of one array: its "dtype", "shape" and "data"


def stored_arrays(shard: Shard) -> dict[str, Stored]:
    """A shard -> what safetensors finds in it, by name. Raises ReleaseError for what is none."""
    try:
        return dict(deserialize(shard.data))  # type: ignore[no-untyped-call]  # safetensors' stub leaves it bare
    except SafetensorError as err:
        raise ReleaseError(f"shard {shard.name} is not safetensors: {err}") from err


def array_of(stored: Stored) -> Array:
    """What was found under one name, of a type that was asked for -> the array, without a copy."""
    array: Array = np.frombuffer(stored["data"], dtype=_NUMPY[str(stored["dtype"])]).reshape(stored["shape"])
    return array
