"""CelebA in the files of its publishers, read by torchvision's own class."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from dpm_flower.core.errors import DataError
from dpm_flower.data.attributes import attribute_classes, attribute_columns
from dpm_flower.data.dataset import Column
from dpm_flower.data.picture_files import images_from_files
from dpm_flower.data.torchvision_files import torchvision_files
from dpm_flower.data.undecoded import Part, Undecoded

SMILING = "Smiling"  # the attribute that is the class where none is named; it is the one nearest to even, .48
PARTS = {"train": "0", "valid": "1", "test": "2"}  # as list_eval_partition.txt has them


def celeba(kind: Any, root: Path, side: int, label: str = SMILING, attributes: Sequence[str] = (), *, download: bool = False) -> Undecoded:
    """torchvision's CelebA, its root folder and one of the 40 attributes -> a data set with images (N,3,side,side) of two classes.

    `attributes` are others of the 40 that the images are to have as such.

    The parts are those of the publishers, in which nobody occurs in two of them; the valid part is appended to the training
    images. `identity` is a column. Of the 178 x 218 pixels the centre square is resized.
    Raises DataError for missing and altered files and for an unknown attribute.
    """
    everything = torchvision_files(kind, "celeba", root, download=download, split="all", target_type=["attr", "identity"])
    folder = root / kind.base_folder
    part_of = _part_of(folder / "list_eval_partition.txt")
    rows = {part: [row for row, name in enumerate(everything.filename) if part_of.get(name) == number] for part, number in PARTS.items()}
    names = [str(name) for name in everything.attr_names if name]
    labels, class_names = attribute_classes(everything.attr, names, label, "celeba")
    identity = [str(number) for number in everything.identity.flatten().tolist()]
    train, test = rows["train"] + rows["valid"], rows["test"]

    def part(chosen: Sequence[int]) -> Part:
        paths = [str(folder / "img_align_celeba" / everything.filename[row]) for row in chosen]
        return Part(labels[torch.tensor(chosen, dtype=torch.int64)], partial(images_from_files, paths, side))

    found = Undecoded(
        name="celeba",
        side=side,
        train=part(train),
        test=part(test),
        class_names=class_names,
        notes=(
            f"{len(rows['valid']):,} images of the valid part were appended to the training images",
            f"the centre squares of 178 x 178 pixels were resized to {side} x {side}",
        ),
        columns={"identity": Column(*(tuple(identity[row] for row in chosen) for chosen in (train, test)))},
    )
    asked = [name for name in attributes if name in names]
    columns_RA = everything.attr[:, [names.index(name) for name in asked]]
    others = attribute_columns(columns_RA[train], columns_RA[test], asked, "celeba")
    return found.with_attributes(attributes, others, label)


def _part_of(path: Path) -> dict[str, str]:
    """Which part each image belongs to; torchvision has just compared the file with its published digest."""
    try:
        lines = path.read_text().splitlines()
    except OSError as err:
        raise DataError(f"celeba: wanted {path}, got {type(err).__name__}: {err}") from err
    return {cells[0]: cells[1] for line in lines if len(cells := line.split()) == 2}
