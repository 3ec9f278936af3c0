"""What a study names as its data -> the data set."""

import functools
import os
from pathlib import Path

from dpm_flower.core.errors import DataError
from dpm_flower.data.dataset import DataSet
from dpm_flower.data.digits import digits
from dpm_flower.data.image_folder import image_folder
from dpm_flower.data.npz_file import npz_file
from dpm_flower.data.torchvision_sets import SETS, set_folder, torchvision_set

SMALLEST_SIDE = 11  # pixels: SSIM's window, without which no reconstruction could be judged
KEPT = 2  # data sets kept in memory: 60,000 images of 32 x 32 pixels are 740 MB
KNOWN = (
    f'"digits", a path to an .npz archive, a path to a folder of images, or one of {", ".join(SETS)} with its folder, as "cifar10:FOLDER"'
)


def load(data: str, side: int) -> DataSet:
    """A known name or a path, and the side wanted -> a data set with images (N,3,side,side).

    A process reads the same unchanged files once: equal calls share their images, which nobody may therefore write to.
    Raises DataError for an unknown source, for a side too small for SSIM, and for whatever is wrong with the files.
    """
    if side < SMALLEST_SIDE:
        raise DataError(f"wanted images of at least {SMALLEST_SIDE} x {SMALLEST_SIDE} pixels, the window of SSIM, got a side of {side}")
    if data == "digits":
        return _kept("digits", Path(), 0, side)
    name, colon, root = data.partition(":")
    if colon and name in SETS:
        if not root:
            raise DataError(f'wanted "{name}:FOLDER" with the folder of its files, got {data!r}')
        path = Path(root).expanduser().resolve()
        return _kept(name, path, _state(set_folder(name, path)), side)
    path = Path(data).expanduser().resolve()
    if data and path.is_dir():
        return _kept("folder", path, _state(path), side)
    if path.suffix.lower() == ".npz":
        return _kept("npz", path, _state(path), side)
    raise DataError(f"wanted {KNOWN}; got {data!r}, which is none of these")


@functools.lru_cache(maxsize=KEPT)
def _kept(kind: str, path: Path, _: int, side: int) -> DataSet:
    """The data set of that kind at `path`; the third argument, the state of its files, makes changed files another call."""
    match kind:
        case "digits":
            return digits(side)
        case "folder":
            return image_folder(path, side)
        case "npz":
            return npz_file(path, side)
        case _:
            return torchvision_set(kind, path, side)


def _state(path: Path) -> int:
    """A file or folder -> a number that changes when any file of it is written, added or removed."""
    if path.is_file():
        return hash(_stamp(str(path)))
    files = (os.path.join(parent, name) for parent, _, names in os.walk(path, followlinks=True) for name in names)
    return hash(frozenset(_stamp(file) for file in files))


def _stamp(file: str) -> tuple[str, int, int]:
    """Name, time of the last change (ns) and size (bytes); a link that leads nowhere has neither."""
    try:
        found = os.stat(file)
    except FileNotFoundError:
        return file, 0, 0
    return file, found.st_mtime_ns, found.st_size
