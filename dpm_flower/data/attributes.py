"""What is known of images beside their classes -> yes-or-no attributes, or with one of them the two classes of a task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dpm_flower.core.errors import DataError
from dpm_flower.core.labelled import UNKNOWN, Labels
from dpm_flower.data.dataset import Column
from dpm_flower.data.partition_columns import NO_VALUE

MOST_VALUES = 20  # a column with more says which one an image is of, not what it is like
NOT_KNOWN = NO_VALUE | {"unknown", str(UNKNOWN)}
YES_OR_NO = (("0", "1"), ("False", "True"))


@dataclass(frozen=True, slots=True, eq=False)
class Attributes:
    """Names (A) and what is known of the training and test images (N,A), (T,A), uint8 as in `Labelled`."""

    names: tuple[str, ...]
    train: Tensor
    test: Tensor


def named_attributes(chosen: Sequence[str], columns: Mapping[str, Column], where: str) -> Attributes:
    """Names of columns, and the columns -> attributes, column by column: one for 0 and 1, named as the column; else one for each value.

    Of two values the second alone is one, since it tells the first: "sex=male"; of more, each is. What tables write where nothing is
    known, "unknown" and 255 are unknown, and no values. `where` names the source in messages. Raises DataError for unknown columns,
    naming those that there are, and for columns with fewer than 2 or more than 20 known values.
    """
    if strange := [name for name in chosen if name not in columns]:
        raise DataError(
            f"{where}: wanted columns or attributes of the data as attributes, got {', '.join(strange)}; "
            f"its columns are {', '.join(columns) or 'none'}"
        )
    names, train, test = list[str](), list[Tensor](), list[Tensor]()
    for name in chosen:
        values = _known_values(columns[name], f"{where}: {name}")
        for value in values if len(values) > 2 else values[1:]:  # two values are one question
            names.append(name if values in YES_OR_NO else f"{name}={value}")
            train.append(_has(columns[name].train, value))
            test.append(_has(columns[name].test, value))
    return Attributes(tuple(names), torch.stack(train, 1), torch.stack(test, 1))


def attribute_columns(train_NA: Tensor, test_TA: Tensor, names: Sequence[str], where: str) -> dict[str, Column]:
    """Attributes of training and test images (N,A), (T,A) and their names -> columns of "0" and "1", and "255" where it is unknown.

    Raises DataError for other values.
    """
    both = torch.cat((train_NA, test_TA)).to(torch.int64)
    strange = both[(both != 0) & (both != 1) & (both != UNKNOWN)]
    if len(strange):
        raise DataError(f"{where}: wanted attributes as 0, 1 or {UNKNOWN} (unknown), got {sorted(set(strange.tolist()))}")
    texts = [[str(value) for value in column] for column in both.T.tolist()]
    return {name: Column(tuple(text[: len(train_NA)]), tuple(text[len(train_NA) :])) for name, text in zip(names, texts, strict=True)}


def attribute_classes(attributes_NA: Tensor, names: Sequence[str], label: str, where: str) -> tuple[Labels, tuple[str, str]]:
    """Attributes (N,A) of 0 and 1, their A names and the one wanted -> labels (N,) and the two classes' names.

    `where` names the source in messages. Raises DataError for an unknown name, listing those that there are, and for other values.
    """
    if label not in names:
        raise DataError(f"{where}: wanted one of its attributes as label, {', '.join(names)}; got {label!r}")
    values = attributes_NA[:, list(names).index(label)].to(torch.int64)
    if len(values) and not 0 <= int(values.min()) <= int(values.max()) <= 1:
        raise DataError(f"{where}: wanted the attribute {label} as 0 and 1, got values from {int(values.min())} to {int(values.max())}")
    return values, (f"not {label}", label)


def _known_values(column: Column, where: str) -> tuple[str, ...]:
    """The column's values but for what stands for nothing known, sorted. Raises DataError for too few or too many."""
    values = tuple(sorted({value for value in {*column.train, *column.test} if not _is_unknown(value)}))
    if not 2 <= len(values) <= MOST_VALUES:  # what all images have tells nothing
        raise DataError(f"{where}: wanted 2 to {MOST_VALUES} known values to make attributes of, got {len(values)}")
    return values


def _has(values: Sequence[str], wanted: str) -> Tensor:
    """Values (N,) -> 1 where it is the one wanted, 0 where another, 255 where it is unknown."""
    return torch.tensor([UNKNOWN if _is_unknown(value) else int(value == wanted) for value in values], dtype=torch.uint8)


def _is_unknown(value: str) -> bool:
    return value.strip().lower() in NOT_KNOWN
