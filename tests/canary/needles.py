"""Many short byte strings, looked for all at once; and the byte strings that stand for floats."""

from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

LEAST_BYTES = 16
PIECE_VALUES, LEAST_VALUES = 16, 8  # of floats: pieces are short, so that one lies whole in a page of a database
LEAST_SPREAD = 0.02  # standard deviation of a tensor against its largest value
LEAST_DIFFERENT = 6  # different bytes in the eight that are looked at first: zeros and constants are everybody's
ANCHOR_BYTES = 8
TABLE_BITS = 20
MIX = np.uint64(0x9E3779B97F4A7C15)  # Knuth's multiplicative hashing: the upper bits depend on all of the lower ones
TYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)


Name = TypeVar("Name", bound=Hashable)


class Needles(Generic[Name]):
    """Byte strings by name; those that say too little are left out, and `len` tells how many are left."""

    def __init__(self, named: Iterable[tuple[Name, bytes]]) -> None:
        self._at: dict[int, list[tuple[Name, bytes, int]]] = {}
        for name, needle in dict.fromkeys(named):
            if len(needle) >= LEAST_BYTES and (offset := _telling(needle)) is not None:
                anchor = int.from_bytes(needle[offset : offset + ANCHOR_BYTES], "little")
                self._at.setdefault(anchor, []).append((name, needle, offset))
        self._table = np.zeros(1 << TABLE_BITS, bool)
        self._table[_hashed(np.array(list(self._at), np.uint64))] = True

    def __len__(self) -> int:
        return sum(map(len, self._at.values()))

    def within(self, data: bytes) -> Iterator[Name]:
        """Bytes -> the names of the needles that are in them, each once."""
        found: dict[Name, None] = {}
        for start in range(ANCHOR_BYTES):
            count = (len(data) - start) // ANCHOR_BYTES
            if count <= 0:
                break
            words = np.frombuffer(data, "<u8", count, start)
            for index in np.flatnonzero(self._table[_hashed(words)]):
                for name, needle, offset in self._at.get(int(words[index]), ()):
                    place = start + int(index) * ANCHOR_BYTES - offset
                    if place >= 0 and data[place : place + len(needle)] == needle:
                        found[name] = None
        return iter(found)


def float_forms(name: str, tensor: torch.Tensor) -> Iterator[tuple[str, bytes]]:
    """Values -> pieces of their bytes in every type of float, as needles take them; none of values that hardly differ.

    Constants, and what has taken two steps away from one, are everybody's.
    """
    flat = tensor.detach().cpu().reshape(-1)
    if not flat.numel() or float(flat.std(correction=0)) < LEAST_SPREAD * float(flat.abs().max()):
        return
    for dtype in TYPES:
        pieces = [piece for piece in flat.to(dtype).split(PIECE_VALUES) if _differ(piece)]
        for piece in {id(one): one for one in (pieces[0], pieces[len(pieces) // 2], pieces[-1])}.values() if pieces else ():
            yield name, piece.contiguous().view(torch.uint8).numpy().tobytes()


def cast(values: NDArray[np.float64]) -> Iterator[bytes]:
    """Numbers that were read from text -> their bytes in every type of float."""
    tensor = torch.from_numpy(np.ascontiguousarray(values).reshape(-1))
    for dtype in TYPES:
        yield tensor.to(dtype).view(torch.uint8).numpy().tobytes()


def _differ(piece: torch.Tensor) -> bool:
    """Whether enough of the values that are not zero are different ones."""
    values = piece[piece != 0]
    different = len(values.unique())
    return different >= LEAST_VALUES and different >= 0.75 * len(values)


def _telling(needle: bytes) -> int | None:
    """Where in the needle the first eight bytes lie that say enough to be looked for; None where there are none."""
    for offset in range(len(needle) - ANCHOR_BYTES + 1):
        if len(set(needle[offset : offset + ANCHOR_BYTES])) >= LEAST_DIFFERENT:
            return offset
    return None


def _hashed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return (words * MIX) >> np.uint64(64 - TABLE_BITS)
