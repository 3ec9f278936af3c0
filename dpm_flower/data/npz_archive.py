"""One NumPy archive, opened: what its members are, without decompressing them, and each as an array."""

import lzma
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpm_flower.core.errors import DataError

# What numpy, zipfile and the decompressors raise for archives that are cut short, altered or of another kind.
UNREADABLE = (
    *(OSError, ValueError, EOFError, KeyError, SyntaxError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, tokenize.TokenError),
)
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class Archive:
    """The members of an open archive. Reading decompresses anew each time."""

    def __init__(self, path: Path, opened: np.lib.npyio.NpzFile, members: zipfile.ZipFile) -> None:
        self.path = path
        self.names = tuple(opened.files)
        self._opened, self._members = opened, members

    def shape(self, name: str) -> tuple[int, ...] | None:
        """A member's shape; None for what is not there, and for objects and fields, which are no plain arrays."""
        if f"{name}.npy" not in self._members.namelist():
            return None
        with self._members.open(f"{name}.npy") as file:
            read = HEADERS.get(np.lib.format.read_magic(file))
            if read is None:
                return None
            shape, _, dtype = read(file)
        return None if dtype.hasobject or dtype.names else tuple(shape)

    def read(self, name: str) -> NDArray[Any]:
        """A member as an array. Raises DataError for other bytes."""
        member = self._opened[name]
        if not isinstance(member, np.ndarray):  # numpy hands out the bytes of members that do not begin as arrays do
            raise DataError(f"{self.path}: {name}: wanted an array, got {len(member)} other bytes")
        return member


@contextmanager
def opened_archive(path: Path) -> Iterator[Archive]:
    """A path -> the archive there. Raises DataError for whatever is no complete .npz archive, also while it is read; never unpickles."""
    try:
        with path.open("rb") as file:  # numpy would leave a file that it cannot read open
            opened = np.load(file, allow_pickle=False)
            if not isinstance(opened, np.lib.npyio.NpzFile) or opened.zip is None:
                raise DataError(f"{path}: wanted an .npz archive, got a single array")
            yield Archive(path, opened, opened.zip)
    except FileNotFoundError as err:
        raise DataError(f"{path}: wanted an .npz archive, got no such file") from err
    except UNREADABLE as err:
        raise DataError(f"{path}: wanted a complete .npz archive without pickled members, got {type(err).__name__}: {err}") from err
