"""A column of a data set as numbers: which images have the same value."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.errors import PartitionError
from dpm_flower.data.dataset import Column, DataSet

NO_VALUE = {"", "nan", "nat", "na", "n/a", "<na>", "none", "null"}  # what tables and their readers write where nothing is known


@dataclass(frozen=True, slots=True, eq=False)
class Numbered:
    """Value numbers of the training (N,) and of the test images (T,), and the values, sorted: number i stands for `values[i]`."""

    train: Tensor
    test: Tensor
    values: tuple[str, ...]


def numbered(dataset: DataSet, column: str) -> Numbered:
    """A data set and the name of a column -> its values as numbers.

    Raises PartitionError, with the columns that exist, for another, and for images without a value.
    """
    found = dataset.columns.get(column)
    if found is None:
        existing = ", ".join(sorted(dataset.columns)) or "none"
        raise PartitionError(f"{dataset.name}: wanted a column {column!r}, got a data set with these columns: {existing}")
    return numbered_column(found, f"{dataset.name}: {column!r}")


def numbered_column(found: Column, where: str) -> Numbered:
    """A column -> its values as numbers. `where` names it in the message.

    Raises PartitionError, with how many there are, for images whose value is not known: they are not all of one patient.
    """
    train, test = (sum(value.strip().lower() in NO_VALUE for value in part) for part in (found.train, found.test))
    if train or test:
        raise PartitionError(
            f"{where}: wanted a value for every image, got none (nothing, NaN, NA, none or null) for {train:,} of "
            f"{len(found.train):,} training images and {test:,} of {len(found.test):,} test images"
        )
    values = tuple(sorted({*found.train, *found.test}))
    number_of = {value: number for number, value in enumerate(values)}
    of_train, of_test = (torch.tensor([number_of[value] for value in part], dtype=torch.int64) for part in (found.train, found.test))
    return Numbered(of_train, of_test, values)
