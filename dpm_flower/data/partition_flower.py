"""Flower's own partitioners, asked for the rows of each part: the only file that imports flwr-datasets.

They see row numbers and class or group numbers, never an image, hold them in memory and ask nothing of the network.
"""

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from flwr_datasets.partitioner import (
    DirichletPartitioner,
    GroupedNaturalIdPartitioner,
    IidPartitioner,
    Partitioner,
    PathologicalPartitioner,
)
from torch import Tensor

from dpm_flower.core.errors import PartitionError

KEY, ROW = "key", "row"


class _Rows(Dataset):  # type: ignore[misc]  # datasets is not annotated
    """A table whose selections bear one constant fingerprint.

    By default each one is named by a hash over its pickled row numbers, for a cache on disk that a table in memory has not:
    seconds for a few ten thousand rows.
    """

    def select(self, indices: Iterable[int], **settings: Any) -> Dataset:
        """Row numbers -> the table of these rows."""
        rows = indices if isinstance(indices, range) else np.asarray(indices, dtype=np.int64)
        return super().select(rows, **settings | {"new_fingerprint": "rows"})


def iid_parts(rows: int, parts: int) -> list[Tensor]:
    """How many rows and parts -> the rows of each part: runs of equal length, to within one."""
    return _parts(IidPartitioner(num_partitions=parts), torch.zeros(rows, dtype=torch.int64))


def dirichlet_parts(keys: Tensor, parts: int, alpha: float, least: int, seed: int) -> list[Tensor]:
    """Class numbers (U,) -> the rows of each part, each class divided in proportions from Dir(alpha), every part `least` rows or more.

    Raises PartitionError where Flower's eleven draws give no such parts.
    """
    partitioner = DirichletPartitioner(parts, KEY, alpha, min_partition_size=least, self_balancing=False, shuffle=False, seed=seed)
    with warnings.catch_warnings(action="ignore"):  # one for each draw that is too small; the refusal says it all
        try:
            return _parts(partitioner, keys)
        except ValueError as err:
            raise PartitionError(f"wanted {parts} parts of at least {least} of {len(keys)} rows, got none such: {err}") from err


def single_class_parts(keys: Tensor, parts: int) -> list[Tensor]:
    """Class numbers (U,), all of 0..P-1 and P <= `parts` -> the rows of each part: part s is an equal part of class s modulo P."""
    return _parts(PathologicalPartitioner(parts, KEY, 1, class_assignment_mode="deterministic", shuffle=False), keys)


def parts_by_key(keys: Tensor) -> list[Tensor]:
    """Group numbers (U,) -> the rows of each group, groups ascending."""
    return _parts(GroupedNaturalIdPartitioner(KEY, group_size=1, sort_unique_ids=True), keys)


def _parts(partitioner: Partitioner, keys: Tensor) -> list[Tensor]:
    table = _Rows.from_dict({ROW: np.arange(len(keys)), KEY: keys.numpy()})
    partitioner.dataset = table.with_format("arrow")  # columns come as arrays; otherwise row by row, through Python
    parts = (partitioner.load_partition(number)[ROW].to_numpy() for number in range(partitioner.num_partitions))
    return [torch.from_numpy(np.array(part, dtype=np.int64)) for part in parts]
