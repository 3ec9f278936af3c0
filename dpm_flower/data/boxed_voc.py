"""Images with boxes in a folder as Pascal VOC lays it out -> what each of them holds, one by one."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from PIL import Image

from dpm_flower.core.errors import DataError
from dpm_flower.data.boxed_parts import Unread
from dpm_flower.data.picture_checks import EXTENSIONS
from dpm_flower.data.picture_files import upright_rgb
from dpm_flower.data.split_folders import Role
from dpm_flower.data.voc_xml import Box, boxes_of, classes_in

IMAGES, ANNOTATIONS, LISTS = "JPEGImages", "Annotations", "ImageSets/Main"
PARTS: Mapping[Role, str] = {"train": "train", "validation": "val", "test": "test"}
OF_A_CLASS = f"_{PARTS['train']}.txt"  # VOC's own lists by class: aeroplane_train.txt


def voc_root(folder: Path) -> Path | None:
    """A folder that is or holds VOC's folders, as VOCdevkit and VOCdevkit/VOC2012 do -> the one with the images; None where there is none.

    Raises DataError where there are several.
    """
    found = [place for place in (folder, *sorted(folder.glob("VOC*")), *sorted(folder.glob("VOCdevkit/VOC*"))) if (place / IMAGES).is_dir()]
    if len(found) > 1:
        raise DataError(f"{folder}: wanted one folder with {IMAGES}, got {', '.join(str(place.relative_to(folder)) for place in found)}")
    return found[0] if found else None


def boxed_voc(root: Path) -> tuple[tuple[Unread, ...], tuple[str, ...]]:
    """A folder with JPEGImages, Annotations and ImageSets/Main/{train,val,test}.txt -> its pictures, each of which may still turn out
    unusable, and the names of the classes.

    Classes are those for which there are lists of their own, as in VOC (ImageSets/Main/CLASS_train.txt); without any, those that
    the training annotations name, from A to Z. Corners are taken as they are written (see data/voc_xml.py).
    Raises DataError for a missing list, and where there are no classes.
    """
    listed = {part: _listed(root, word) for part, word in PARTS.items()}
    classes = _classes(root, listed["train"])
    images = {path.stem: path for path in _files(root / IMAGES) if path.suffix.lower() in EXTENSIONS}
    unread = [
        Unread(part, name, partial(_picture, images.get(name), root / ANNOTATIONS / f"{name}.xml", classes))
        for part, names in listed.items()
        for name in names
    ]
    return tuple(unread), classes


def _listed(root: Path, word: str) -> list[str]:
    path = root / LISTS / f"{word}.txt"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as err:
        got = ", ".join(sorted(each.name for each in _files(root / LISTS))) or "nothing"
        raise DataError(f"{path}: wanted the names of the {word} images, one in a line, got {got} in {LISTS}") from err
    return [line.strip() for line in lines if line.strip()]


def _classes(root: Path, names: Sequence[str]) -> tuple[str, ...]:
    declared = {path.name.removesuffix(OF_A_CLASS) for path in _files(root / LISTS) if path.name.endswith(OF_A_CLASS)}
    classes = declared or set().union(*_classes_by_annotation(root, names))
    if not classes:
        raise DataError(f"{root}: wanted boxes in the annotations of the {len(names)} training images, got none")
    return tuple(sorted(classes))


def _classes_by_annotation(root: Path, names: Sequence[str]) -> Iterator[set[str]]:
    for name in names:
        try:
            yield classes_in(_annotation(root / ANNOTATIONS / f"{name}.xml"))
        except DataError:
            yield set()  # told when the picture is read


def _picture(image: Path | None, annotation: Path, classes: Collection[str]) -> tuple[Image.Image, tuple[Box, ...]]:
    if image is None:
        raise DataError(f"wanted an image in {IMAGES}, got none of that name")
    xml = _annotation(annotation)
    picture = upright_rgb(str(image))
    return picture, boxes_of(xml, picture.size, classes)


def _annotation(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as err:
        raise DataError(f"wanted an annotation in {ANNOTATIONS}, got {type(err).__name__}: {err}") from err


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file())
    except OSError:
        return []
