"""Rows of numbers in a file: appended in pieces, read by index, so that memory holds one batch however many rows there are."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import torch
from torch import Tensor

from dpm_flower.core.errors import OutputError, ShapeError
from dpm_flower.training.private_folder import make_private


class Rows(Protocol):
    """N rows that can be asked for by index: a tensor is one, and so is a file."""

    def __len__(self) -> int:
        """N."""
        ...

    def __getitem__(self, indices: Tensor, /) -> Tensor:
        """Indices (B,) int64 -> the rows there (B, ...)."""
        ...


class RowStore:
    """Rows (N, *shape) of one dtype in a file without a name: gone after the `with` block, and with the process however it ends.

    `path` says in which folder, and which rows these are in messages; two of one path never meet. Rows are read and not mapped: a
    mapped page counts as this process's memory for as long as nobody else wants it, a read one stays the kernel's.
    Raises ShapeError for rows of another shape or dtype, OutputError where the file cannot be written.
    """

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: torch.dtype = torch.float16) -> None:
        self.shape, self.dtype = shape, dtype
        self._row_bytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        self._rows = 0
        self._path = path
        make_private(path.parent)
        try:
            self._file = tempfile.TemporaryFile(dir=path.parent, buffering=0)  # noqa: SIM115  # closed at the end of our own block
        except OSError as err:
            raise OutputError(f"cannot write rows to {path}: {err.strerror}") from err

    def append(self, rows: Tensor) -> None:
        """Rows (n, *shape) of this dtype, after those that are there."""
        if tuple(rows.shape[1:]) != self.shape or rows.dtype != self.dtype:
            raise ShapeError(f"wanted rows (n, {', '.join(map(str, self.shape))}) of {self.dtype}, got {rows.dtype} {tuple(rows.shape)}")
        data = memoryview(rows.contiguous().numpy().reshape(-1).view(np.uint8).data)
        place = self._rows * self._row_bytes
        try:
            while data:
                written = os.pwrite(self._file.fileno(), data, place)
                data, place = data[written:], place + written
        except OSError as err:
            raise OutputError(f"cannot write rows to {self._path}: {err.strerror}") from err
        self._rows += len(rows)

    def keep_first(self, rows: int) -> None:
        """Keeps the first `rows` rows; the next ones are appended after these."""
        if not 0 <= rows <= self._rows:
            raise IndexError(f"wanted to keep 0 to {self._rows} rows, got {rows}")
        try:
            os.ftruncate(self._file.fileno(), rows * self._row_bytes)
        except OSError as err:
            raise OutputError(f"cannot write rows to {self._path}: {err.strerror}") from err
        self._rows = rows

    def __len__(self) -> int:
        return self._rows

    def __getitem__(self, indices: Tensor) -> Tensor:
        """Indices (B,) in [0, N) -> the rows there (B, *shape). Raises IndexError outside, OutputError if the file was cut short."""
        if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < self._rows:
            raise IndexError(f"wanted rows in [0, {self._rows}), got {int(indices.min())} to {int(indices.max())}")
        rows = torch.empty((len(indices), *self.shape), dtype=self.dtype)
        views = rows.numpy().reshape(len(indices), -1).view(np.uint8) if len(indices) else ()
        for view, index in zip(views, indices.tolist(), strict=True):
            if os.preadv(self._file.fileno(), [view.data], index * self._row_bytes) != self._row_bytes:
                raise OutputError(f"{self._path} ends before its row {index}")
        return rows

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()


class Joined:
    """Several sets of rows (N_i, *shape), one after the other, as one: float32 whatever each is kept in."""

    def __init__(self, parts: Sequence[Rows]) -> None:
        self._parts = tuple(parts)

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __getitem__(self, indices: Tensor) -> Tensor:
        """Indices (B,) in [0, N) -> the rows there (B, *shape), float32."""
        ends = torch.tensor([len(part) for part in self._parts]).cumsum(0)
        owner = torch.bucketize(indices, ends, right=True)
        found: Tensor | None = None
        for number, part in enumerate(self._parts):
            chosen = (owner == number).nonzero().flatten()
            if len(chosen):
                rows = part[indices[chosen] - (int(ends[number]) - len(part))].float()
                if found is None:
                    found = rows.new_empty((len(indices), *rows.shape[1:]))
                found[chosen] = rows
        if found is None:
            raise IndexError(f"wanted at least one row in [0, {len(self)}), got {indices.tolist()}")
        return found
