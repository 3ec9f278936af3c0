"""The images of a site that learns from an inbox: those that may stay, and a day's, decoded where they go on time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from dpm_flower.core.errors import DamagedError, DataError, OutputError
from dpm_flower.core.labelled import Labelled
from dpm_flower.data.own_images import study_numbers
from dpm_flower.data.picture_files import images_from_files
from dpm_flower.data.retention.store import RetentionStore
from dpm_flower.data.sources import load
from dpm_flower.regime.site_file import DataPlace
from dpm_flower.training.private_folder import make_private

LEAST_IMAGES = 2  # to learn from: batch statistics need two


@dataclass(frozen=True, slots=True, eq=False)
class StayingImages:
    """Own images that may stay, of which the attacker of the audit is assumed to own the training part, and public images."""

    own: Labelled
    held_out: Labelled
    public: Labelled

    @classmethod
    def of(cls, place: DataPlace, classes: Sequence[str], side: int) -> "StayingImages":
        """A site's section data, the names of the classes, and pixels -> the images. Raises DataError for other classes, as `load` does."""
        found = load(place.images, side)
        numbers = study_numbers(found, classes)
        own, held_out = (Labelled(part.images, numbers[part.labels], len(classes)) for part in (found.train, found.test))
        public = load(place.public, side).train
        return cls(own, held_out, Labelled(public.images, public.labels, public.classes))


def days_images(store: RetentionStore, items: Sequence[str], classes: Sequence[str], side: int, derived: Path) -> Labelled:
    """Ids of images that have a class, and a folder of the store that goes with them -> the images as bytes (N,3,side,side), in that order.

    One that was damaged in the store is left out. Raises GoneError where one of them is over, DataError for one that cannot be decoded
    or where fewer are left than can be learnt from, OutputError where the disk takes no more.
    """
    folder, paths, labels = derived / "images", list[str](), list[int]()
    make_private(folder)
    for number, item in enumerate(items):
        try:
            found = store.read(item)
        except DamagedError:
            continue
        path = folder / f"{number:06d}"
        try:
            path.write_bytes(found.content)
        except OSError as err:
            raise OutputError(f"cannot write {path}: {err.strerror}") from err
        paths.append(str(path))
        labels.append(classes.index(found.labels["class"]))
    if len(paths) < LEAST_IMAGES:
        raise DataError(f"wanted at least {LEAST_IMAGES} images of {len(items)} that are as they came, got {len(paths)}")
    images = np.concatenate(list(images_from_files(paths, side)))
    return Labelled(torch.from_numpy(images), torch.tensor(labels, dtype=torch.int64), len(classes))
