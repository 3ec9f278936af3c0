"""What a study names as its data -> the data set."""

import functools
import hashlib
import os
from dataclasses import replace
from pathlib import Path

from torchvision.datasets import CelebA

from dpm_flower.core.errors import DataError
from dpm_flower.data.cache_entry import FORMAT, Origin
from dpm_flower.data.celeba import SMILING, celeba
from dpm_flower.data.dataset import DataSet
from dpm_flower.data.digits import digits
from dpm_flower.data.file_tree import state_of
from dpm_flower.data.image_cache import ImageCache
from dpm_flower.data.image_folder import image_folder
from dpm_flower.data.imagenet import imagenet
from dpm_flower.data.npz_file import npz_file
from dpm_flower.data.public_set import with_public
from dpm_flower.data.source_name import DIGITS, SourceName
from dpm_flower.data.torchvision_sets import SETS, set_folder, torchvision_set
from dpm_flower.data.undecoded import Undecoded

SMALLEST_SIDE = 11  # pixels: SSIM's window, without which no reconstruction could be judged
KEPT = 2  # data sets a process keeps: where there is no cache to map them from, 60,000 images of 32 x 32 pixels are 184 MB


def load(data: str, side: int) -> DataSet:
    """A known name or a path (see data/source_name.py), and the side wanted -> a data set with images (N,3,side,side), uint8.

    A process reads the same unchanged files once: equal calls share their images, which nobody may therefore write to. What
    had to be decoded lies in the cache (see data/image_cache.py) for the next process, unless that is switched off.
    Raises DataError for an unknown source, for one that names other public images, for a side too small for SSIM, and for whatever
    is wrong with the files.
    """
    source = _alone(data)
    _check_side(side)
    return _kept(source, side, _state(source))


def load_to_divide(data: str, side: int) -> DataSet:
    """As `load`, for whoever divides it into public and private images: the public ones may be those of another source."""
    source = SourceName.parse(data)
    if source.public is None:
        return load(data, side)
    _check_side(side)
    return _joined(replace(source, public=None), source.public, side, _state(source), _state(source.public))


def _alone(data: str) -> SourceName:
    """Raises DataError for a source that names others, which only a partition tells from its own."""
    source = SourceName.parse(data)
    if source.public is not None:
        raise DataError(f"wanted a source without public images of another one, since no partition divides it here, got {data!r}")
    return source


def _check_side(side: int) -> None:
    if side < SMALLEST_SIDE:
        raise DataError(f"wanted images of at least {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels, the window of SSIM, got a side of {side}")


def described(data: str) -> Undecoded:
    """As `load`, without any pixel: labels, classes and columns, and whatever is wrong that shows before images are decoded.

    Downloads nothing. Raises DataError.
    """
    return _undecoded(replace(_alone(data), download=False), SMALLEST_SIDE)


@functools.lru_cache(maxsize=KEPT)
def _joined(own: SourceName, public: SourceName, side: int, state: str, public_state: str) -> DataSet:
    """The data sets of a task's source and of its public images, in one; the states are those of their files."""
    return with_public(_kept(own, side, state), _kept(public, side, public_state))


@functools.lru_cache(maxsize=KEPT)
def _kept(source: SourceName, side: int, state: str) -> DataSet:
    """The data set of that source; `state`, that of its files, makes changed files another call."""
    if source.kind == DIGITS:
        return digits(side).decoded()
    cache = ImageCache.of(os.environ)
    files = str(_files(source))
    if (found := cache.find(_key(source, side, state), Origin(files, state))) is not None:
        return found
    undecoded = _undecoded(source, side)
    if source.download:
        state = _state(source)  # what was missing is there now
    return cache.keep(_key(source, side, state), undecoded, Origin(files, state))


def _undecoded(source: SourceName, side: int) -> Undecoded:
    match source.kind:
        case "digits":
            return digits(side)
        case "npz":
            return npz_file(source.path, side, source.label, source.attributes)
        case "folder":
            found = image_folder(source.path, side, source.apart)
            found = found.labelled_by(source.label) if source.label else found
            return found.with_attributes(source.attributes, label=source.label)
        case "imagenet":
            return imagenet(source.path, side)
        case "celeba":
            return celeba(CelebA, source.path, side, source.label or SMILING, source.attributes, download=source.download)
        case _:
            return torchvision_set(SETS[source.kind], source.kind, source.path, side, download=source.download)


def _state(source: SourceName) -> str:
    """What tells whether the files of a source have changed."""
    return "" if source.kind == DIGITS else state_of(_files(source))


def _files(source: SourceName) -> Path:
    """The file or folder that a source is read from: of a set that lies beside others, its own folder."""
    match source.kind:
        case "celeba":
            return set_folder(CelebA, source.path)
        case "cifar10" | "cifar100" | "fashion-mnist":
            return set_folder(SETS[source.kind], source.path)
        case _:
            return source.path


def _key(source: SourceName, side: int, state: str) -> str:
    """All that decides what the decoded images are -> 64 hexadecimal digits."""
    parts: tuple[str, ...] = (FORMAT, source.kind, str(source.path), source.label, source.apart, str(side), state)
    if source.attributes:
        parts += (",".join(source.attributes),)
    return hashlib.sha256("\x1f".join(parts).encode(errors="surrogateescape")).hexdigest()
