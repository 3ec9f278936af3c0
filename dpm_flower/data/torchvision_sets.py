"""Data sets in the files of their publishers, read by torchvision's own classes."""

from pathlib import Path
from typing import Any

import numpy as np
from torchvision.datasets import CIFAR10, CIFAR100, FashionMNIST

from dpm_flower.core.errors import DataError
from dpm_flower.core.labelled import Labelled
from dpm_flower.data.class_numbers import check_range, class_numbers
from dpm_flower.data.dataset import DataSet
from dpm_flower.data.pixels import images_from_pixels

SETS: dict[str, Any] = {"cifar10": CIFAR10, "cifar100": CIFAR100, "fashion-mnist": FashionMNIST}
# What torchvision raises for files that are missing, altered or cut short. CIFAR's are compared with their published digests
# before anything of them is decoded.
UNREADABLE = (RuntimeError, OSError, ValueError, TypeError, LookupError, AssertionError)


def torchvision_set(name: str, root: Path, side: int) -> DataSet:
    """A name in SETS and torchvision's root folder -> that data set with images (N,3,side,side). Nothing is downloaded.

    Raises DataError, saying how to get the files, where they are missing or damaged.
    """
    return read_set(SETS[name], name, root, side)


def set_folder(name: str, root: Path) -> Path:
    """The folder below torchvision's root in which a data set's files lie."""
    kind = SETS[name]
    return root / str(getattr(kind, "base_folder", kind.__name__))


def read_set(kind: Any, name: str, root: Path, side: int) -> DataSet:
    """A torchvision class with `data`, `targets` and `classes` -> its data set with images (N,3,side,side)."""
    if (legacy := root / kind.__name__ / "processed").is_dir():
        raise DataError(
            f"{name}: wanted the published files in {legacy.parent / 'raw'}, got tensors saved by an old torchvision in {legacy}"
        )
    try:
        train, test = kind(root, train=True, download=False), kind(root, train=False, download=False)
    except UNREADABLE as err:
        getting = f"""python -c 'from torchvision.datasets import {kind.__name__} as D; D("{root}", download=True)'"""
        raise DataError(f"{name}: wanted torchvision's files in {root}, got {type(err).__name__}: {err}. To get them: {getting}") from err
    names = tuple(str(class_name) for class_name in train.classes)
    train_part, test_part = (_labelled(part, len(names), side, f"{name}: {root}") for part in (train, test))
    height, width = train.data.shape[1:3]
    notes = () if (height, width) == (side, side) else (f"images of {height} x {width} pixels were resized to {side} x {side}",)
    return DataSet(name, train_part, test_part, names, notes)


def _labelled(part: Any, classes: int, side: int, where: str) -> Labelled:
    pixels = np.asarray(part.data)  # CIFAR holds an array and a list of labels, MNIST's kind two tensors
    labels = class_numbers(np.asarray(part.targets), len(pixels), where)
    check_range(labels, classes, where)
    return Labelled(images_from_pixels(pixels, side, where), labels, classes)
