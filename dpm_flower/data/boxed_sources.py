"""What a study of detection names as its data -> images with boxes in three parts."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.errors import DataError
from dpm_flower.data.boxed_coco import boxed_coco, coco_files
from dpm_flower.data.boxed_npz import boxed_npz
from dpm_flower.data.boxed_parts import Unread, read_parts
from dpm_flower.data.boxed_voc import boxed_voc, voc_root
from dpm_flower.data.split_folders import Role

KNOWN = (
    "an .npz archive, a folder as Pascal VOC lays it out (JPEGImages, Annotations, ImageSets/Main; or a VOCdevkit with one such folder), "
    "or one as COCO does (annotations/instances_train*.json and so on)"
)


@dataclass(frozen=True, slots=True, eq=False)
class BoxedData:
    """Images to learn from, to choose on and to be judged on, all with the same classes; and why images were left out, by name."""

    train: Boxed
    validation: Boxed
    test: Boxed
    left_out: Mapping[str, str]


def load_boxed(name: str, size: tuple[int, int] | None = None) -> BoxedData:
    """A path to an archive or a folder (data/boxed_npz.py, boxed_voc.py, boxed_coco.py say of which layout) -> its three parts.

    Images of another size are resized to `size`, height and width, and their boxes with them; without it they have to be of one
    size. An image that cannot be used, or whose annotation cannot, is left out, and `left_out` tells why.
    Raises DataError for another layout, a missing part, images of several sizes, and a part without any usable image.
    """
    if size is not None and min(size) < 1:
        raise DataError(f"wanted a height and a width of at least 1 pixel, got {size}")
    path = _found(name)
    unread, class_names = _unread(path)
    parts, left_out = read_parts(unread, class_names, size, str(path))
    return BoxedData(parts["train"], parts["validation"], parts["test"], left_out)


def listed_boxed(name: str) -> tuple[Counter[Role], tuple[str, ...]]:
    """As `load_boxed`, before any picture is decoded -> how many each part lists, and the names of the classes."""
    unread, class_names = _unread(_found(name))
    return Counter(each.part for each in unread), class_names


def _found(name: str) -> Path:
    try:
        path = Path(name).expanduser()
        there = path.exists()
    except (OSError, RuntimeError, ValueError) as err:  # too long, closed to us, of no such user, not text
        raise DataError(f"wanted a path that can be looked up, got {name!r}: {err}") from err
    if not there:
        raise DataError(f"wanted {KNOWN}; got {name!r}, where there is nothing")
    return path


def _unread(path: Path) -> tuple[tuple[Unread, ...], tuple[str, ...]]:
    if path.is_dir():
        if (root := voc_root(path)) is not None:
            return boxed_voc(root)
        if coco_files(path):
            return boxed_coco(path)
    elif path.suffix.lower() == ".npz":
        return boxed_npz(path)
    raise DataError(f"wanted {KNOWN}; got {str(path)!r}, which is none of these")
