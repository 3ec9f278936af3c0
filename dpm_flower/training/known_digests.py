"""Digests of tensors, computed once for as long as a tensor lives and nobody writes to it."""

import weakref
from dataclasses import dataclass

from torch import Tensor

from dpm_flower.core.digest import tensors_digest


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    tensor: weakref.ref[Tensor]  # another one may be born with the number of one that died
    memory: int  # where its values lie
    version: int  # how often they were written to
    digest: str


class KnownDigests:
    """Tensor -> SHA-256 of its type, shape and values, in hexadecimal.

    A digest of a hundred thousand images takes minutes, and every arm asks for it. Writing to the tensor, also through a view, is
    noticed; writing behind torch's back, through NumPy or into a mapped file, is not.
    """

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}

    def __call__(self, tensor: Tensor) -> str:
        """The digest of a tensor."""
        if tensor.is_inference():  # torch does not count who writes to it
            return _digest(tensor)
        number, known = id(tensor), self._known.get(id(tensor))
        if known is not None and known.tensor() is tensor and (known.memory, known.version) == (tensor.data_ptr(), tensor._version):
            return known.digest
        found = _Known(weakref.ref(tensor), tensor.data_ptr(), tensor._version, _digest(tensor))
        self._known = {other: each for other, each in self._known.items() if each.tensor() is not None} | {number: found}
        return found.digest


def _digest(tensor: Tensor) -> str:
    return tensors_digest({"tensor": tensor})
