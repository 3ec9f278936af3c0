"""Data sets in the files of their publishers, read by torchvision's own classes."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from torchvision.datasets import CIFAR10, CIFAR100, FashionMNIST

from dpm_flower.core.errors import DataError
from dpm_flower.data.class_numbers import check_range, class_numbers
from dpm_flower.data.pixels import image_pieces
from dpm_flower.data.torchvision_files import torchvision_files
from dpm_flower.data.undecoded import Part, Undecoded

SETS: dict[str, Any] = {"cifar10": CIFAR10, "cifar100": CIFAR100, "fashion-mnist": FashionMNIST}


def set_folder(kind: Any, root: Path) -> Path:
    """The folder below torchvision's root in which the files of one of its classes lie."""
    return root / str(getattr(kind, "base_folder", kind.__name__))


def torchvision_set(kind: Any, name: str, root: Path, side: int, *, download: bool = False) -> Undecoded:
    """A torchvision class with `data`, `targets` and `classes` -> its data set with images (N,3,side,side).

    Raises DataError where the files are missing or damaged, saying how to get them.
    """
    if (legacy := root / kind.__name__ / "processed").is_dir():
        raise DataError(
            f"{name}: wanted the published files in {legacy.parent / 'raw'}, got tensors saved by an old torchvision in {legacy}"
        )
    train, test = (torchvision_files(kind, name, root, download=download, train=part) for part in (True, False))
    names = tuple(str(class_name) for class_name in train.classes)
    train_part, test_part = (_part(part, len(names), side, f"{name}: {root}") for part in (train, test))
    height, width = train.data.shape[1:3]
    notes = () if (height, width) == (side, side) else (f"images of {height} x {width} pixels were resized to {side} x {side}",)
    return Undecoded(name, side, train_part, test_part, names, notes)


def _part(found: Any, classes: int, side: int, where: str) -> Part:
    pixels = np.asarray(found.data)  # CIFAR holds an array and a list of labels, MNIST's kind two tensors
    labels = class_numbers(np.asarray(found.targets), len(pixels), where)
    check_range(labels, classes, where)
    return Part(labels, partial(image_pieces, pixels, side, where))
