"""The files of a data set's publishers, opened by the class that torchvision has for them."""

from pathlib import Path
from typing import Any

from dpm_flower.core.errors import DataError

# What torchvision raises for files that are missing, altered or cut short, and for a network that does not let it through.
# CIFAR's and CelebA's files are compared with their published digests before anything of them is decoded.
UNREADABLE = (RuntimeError, OSError, ValueError, TypeError, LookupError, AssertionError, ImportError)


def torchvision_files(kind: Any, name: str, root: Path, *, download: bool, **choice: Any) -> Any:
    """A class of torchvision, what we call it, its root folder and which part is wanted -> an object of that class.

    With `download` torchvision fetches what is missing. Raises DataError, saying how to get the files, where they cannot be had.
    """
    try:
        return kind(root, download=download, **choice)
    except UNREADABLE as err:
        came = f"got {type(err).__name__}: {err}"
        if download:
            raise DataError(
                f"{name}: wanted torchvision's files in {root}, downloaded where missing; {came}. Else copy them there"
            ) from err
        getting = f'"{name}:{root}?download" where the network allows it, or copy them there'
        raise DataError(f"{name}: wanted torchvision's files in {root}, {came}. To get them: {getting}") from err
