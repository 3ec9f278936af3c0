"""A shard as it is stored -> the arrays in it, before anything is made of them."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, deserialize

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.rules import shown
from dpm_flower.payload.shard import Shard

_NUMPY = {"F16": "<f2", "F32": "<f4", "I64": "<i8", "U8": "u1"}  # safetensors is little-endian on every machine

Array: TypeAlias = npt.NDArray[np.generic]
Stored: TypeAlias = dict[str, Any]  # of one array: its "dtype", "shape" and "data"
Form: TypeAlias = tuple[str, tuple[int, ...]]  # the type that an array must have, and the shape of each of the things in it


def stored_arrays(shard: Shard) -> dict[str, Stored]:
    """A shard -> what safetensors finds in it, by name. Raises ReleaseError for what is none."""
    try:
        return dict(deserialize(shard.data))  # type: ignore[no-untyped-call]  # safetensors' stub leaves it bare
    except SafetensorError as err:
        raise ReleaseError(f"shard {shard.name} is not safetensors: {err}") from err


def check_forms(found: Mapping[str, Stored], forms: Mapping[str, Form], shard: str) -> None:
    """What was found in a shard of that name, and by name the form of what must be. Raises ReleaseError unless there is just that."""
    if found.keys() != forms.keys():
        raise ReleaseError(f"shard {shard} must hold {', '.join(forms)}, got {shown(sorted(found))}")
    for array, (stored, shape) in forms.items():
        if found[array]["dtype"] != stored:
            raise ReleaseError(f"{array} in shard {shard} must be {stored}, got {found[array]['dtype']}")
        if not found[array]["shape"] or tuple(found[array]["shape"][1:]) != shape:
            raise ReleaseError(f"{array} in shard {shard} must have shape (n, *{shape}), got {shown(found[array]['shape'])}")


def array_of(stored: Stored) -> Array:
    """What was found under one name, of a type that was asked for -> the array, without a copy."""
    array: Array = np.frombuffer(stored["data"], dtype=_NUMPY[str(stored["dtype"])]).reshape(stored["shape"])
    return array
