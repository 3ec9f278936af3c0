"""Bytes of any artefact -> those bytes and all that lies within them, layer by layer: what a reader with every tool could see."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

PIXELS, NUMBERS = "pixels", "numbers"  # as the layers call them that find pictures and numbers in text
DEEPEST = 8  # layers: a picture in an SVG in a data: URI in a page in a database has five


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes, and where they came from."""

    where: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """An array of numbers, as float64, and where it came from. A `picture` is a decoded image (H,W,C); `written` is read from text."""

    where: str
    values: NDArray[np.float64] = field(repr=False)
    picture: bool = False
    written: bool = False


Found: TypeAlias = Content | Values
Layer: TypeAlias = Callable[[bytes], Iterable[tuple[str, "bytes | NDArray[np.generic]"]]]


class Unpacking:
    """Callable that gives all that lies within contents, each thing once however often it occurs.

    `layers` are what it can open: bytes -> (what it is, the bytes or the array inside).
    """

    def __init__(self, layers: Iterable[Layer]) -> None:
        self._layers = tuple(layers)
        self._seen: set[bytes] = set()

    def __call__(self, contents: Iterable[Content]) -> Iterator[Found]:
        """Contents -> themselves and what is in them."""
        for content in contents:
            yield from self._within(content, 0)

    def _within(self, content: Content, depth: int) -> Iterator[Found]:
        if not self._is_new(content.data):
            return
        yield content
        if depth == DEEPEST:
            return
        for layer in self._layers:
            for what, inner in layer(content.data):
                where = f"{content.where} > {what}"
                if isinstance(inner, bytes):
                    yield from self._within(Content(where, inner), depth + 1)
                elif values := self._values(where, inner):
                    yield values

    def _values(self, where: str, array: NDArray[np.generic]) -> Values | None:
        if array.dtype.kind not in "iufb" or not array.size or not self._is_new(repr(array.shape).encode() + array.tobytes()):
            return None
        plain = np.nan_to_num(array.astype(np.float64))
        return Values(where, plain, picture=where.endswith(PIXELS), written=where.endswith(NUMBERS))

    def _is_new(self, data: bytes) -> bool:
        digest = hashlib.sha256(data).digest()
        if digest in self._seen:
            return False
        self._seen.add(digest)
        return True


def files_below(*folders: Path) -> Iterator[Content]:
    """Folders -> every file below them, under its path seen from the folder's parent; and its name, which may say something too."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            where = str(path.relative_to(folder.parent))
            yield Content(f"{where} (its name)", path.name.encode())
            if path.is_file():
                yield Content(where, path.read_bytes())
