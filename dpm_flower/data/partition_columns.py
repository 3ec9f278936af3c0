"""A column of a data set as numbers: which images have the same value."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.errors import PartitionError
from dpm_flower.data.dataset import DataSet


@dataclass(frozen=True, slots=True, eq=False)
class Numbered:
    """Value numbers of the training (N,) and of the test images (T,), and the values, sorted: number i stands for `values[i]`."""

    train: Tensor
    test: Tensor
    values: tuple[str, ...]


def numbered(dataset: DataSet, column: str) -> Numbered:
    """A data set and the name of a column -> its values as numbers. Raises PartitionError, with the columns that exist, for another."""
    found = dataset.columns.get(column)
    if found is None:
        existing = ", ".join(sorted(dataset.columns)) or "none"
        raise PartitionError(f"{dataset.name}: wanted a column {column!r}, got a data set with these columns: {existing}")
    values = tuple(sorted({*found.train, *found.test}))
    number_of = {value: number for number, value in enumerate(values)}
    train, test = (torch.tensor([number_of[value] for value in part], dtype=torch.int64) for part in (found.train, found.test))
    return Numbered(train, test, values)
