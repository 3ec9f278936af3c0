"""Label arrays as files hold them -> class numbers as everything else reads them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dpm_flower.core.errors import DataError
from dpm_flower.core.labelled import Labels

MOST_CLASSES = 100_000  # the largest public sets have some 20,000; a number beyond this is no class, and would ask for as many logits


def class_numbers(labels: NDArray[Any], images: int, where: str) -> Labels:
    """Whole-number labels (N,) for N = `images` images -> class numbers (N,), int64, each in [0, MOST_CLASSES).

    `where` names the source in messages. Raises DataError for other ranks, types and lengths, and for numbers outside.
    """
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"{where}: wanted whole-number labels (N,), got {labels.dtype} {labels.shape}")
    if len(labels) != images:
        raise DataError(f"{where}: wanted one label for each of {images} images, got {len(labels)}")
    if len(labels) and (int(labels.min()) < 0 or int(labels.max()) >= MOST_CLASSES):
        raise DataError(f"{where}: wanted class numbers in [0, {MOST_CLASSES:,}), got {int(labels.min())} to {int(labels.max())}")
    return torch.from_numpy(labels.astype(np.int64))


def check_range(labels: Labels, classes: int, where: str) -> None:
    """Raises DataError unless every class number (N,) lies in [0, classes)."""
    if len(labels) and int(labels.max()) >= classes:
        raise DataError(f"{where}: wanted labels below the number of classes, {classes}, got {int(labels.max())}")


def classes_from_text(train: Sequence[str], test: Sequence[str]) -> tuple[Labels, Labels, tuple[str, ...]]:
    """Texts, one per image (N,), (T,) -> their class numbers (N,), (T,), and the classes' names.

    Names that are all whole numbers stand in their order, others from A to Z.
    """
    found = set(train) | set(test)
    counts = all(text.isdecimal() for text in found)
    names = tuple(sorted(found, key=lambda text: (int(text), text) if counts else (0, text)))
    number_of = {name: number for number, name in enumerate(names)}
    of_train, of_test = (torch.tensor([number_of[text] for text in texts], dtype=torch.int64) for texts in (train, test))
    return of_train, of_test, names
