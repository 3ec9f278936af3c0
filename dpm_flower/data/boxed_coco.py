"""Images with boxes in a folder as COCO lays it out -> what each of them holds, one by one."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn, TypeAlias

from PIL import Image

from dpm_flower.core.boxed import CORNERS
from dpm_flower.core.errors import DataError
from dpm_flower.data.boxed_parts import Unread
from dpm_flower.data.picture_files import upright_rgb
from dpm_flower.data.split_folders import ROLES, Role
from dpm_flower.data.voc_xml import Box

INSTANCES = re.compile(r"instances_(([a-z]+)\d*)\.json")
BORDER = 0.5  # pixels: corners are sums of numbers of two decimals, and may lie that little beyond the image

Record: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Instances:
    """One part's file, where its images are, the categories' names by id, and the records of its images and of their boxes."""

    part: Role
    file: str
    folder: Path
    names: Mapping[int, str]
    images: Sequence[Record]
    boxes: Sequence[Record]


def coco_files(folder: Path) -> list[Path]:
    """A folder -> those of its files that hold COCO's instances."""
    return sorted(path for path in folder.glob("annotations/*.json") if INSTANCES.fullmatch(path.name))


def boxed_coco(root: Path) -> tuple[tuple[Unread, ...], tuple[str, ...]]:
    """A folder with annotations/instances_{train,val,test}YEAR.json and the images in trainYEAR/ and so on, in images/trainYEAR/ or in
    images/ -> its pictures, each of which may still turn out unusable, and the names of the classes.

    Classes are the categories of the training part in the order of their ids; those of other parts are known by their names. Boxes
    around crowds are left out. Raises DataError for a missing part, for two files of one, and for a file that is no such JSON.
    """
    files = _by_part(root)
    parts = [_instances(root, part, path) for part, path in files.items()]
    class_names = tuple(dict.fromkeys(name for _, name in sorted(parts[0].names.items())))
    if not class_names:
        raise DataError(f"{files['train']}: wanted at least one category, got none")
    return tuple(each for part in parts for each in _pictures(part)), class_names


def _by_part(root: Path) -> dict[Role, Path]:
    """The files of the training, validation and test part, in this order."""
    files = coco_files(root)
    found: dict[Role, Path] = {}
    for part in ("train", "validation", "test"):
        of_part = [path for path in files if (match := INSTANCES.fullmatch(path.name)) and ROLES.get(match[2]) == part]
        if len(of_part) != 1:
            wanted = {"train": "instances_train", "validation": "instances_val", "test": "instances_test"}[part]
            got = ", ".join(path.name for path in files) or "none"
            raise DataError(f"{root}: wanted one file annotations/{wanted}*.json with the {part} part's boxes, got {got}")
        found[ROLES[part]] = of_part[0]
    return found


def _instances(root: Path, part: Role, path: Path) -> _Instances:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as err:
        raise DataError(f"{path}: wanted COCO's instances in JSON, got {type(err).__name__}: {err}") from err
    images, boxes, categories = (_records(document, key, path) for key in ("images", "annotations", "categories"))
    names = {number: name for each in categories if isinstance(number := each.get("id"), int) and isinstance(name := each.get("name"), str)}
    year = path.stem.removeprefix("instances_")
    places = (root / year, root / "images" / year, root / "images")
    if (folder := next((place for place in places if place.is_dir()), None)) is None:
        raise DataError(f"{root}: wanted the {part} images in {year}, images/{year} or images, got none of these folders")
    return _Instances(part, path.name, folder, names, images, boxes)


def _records(document: Any, key: str, path: Path) -> list[Record]:
    records = document.get(key) if isinstance(document, dict) else None
    if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
        raise DataError(f"{path}: wanted a list of records as {key}, got {type(records).__name__}")
    return records


def _pictures(part: _Instances) -> list[Unread]:
    """The images of a part with their boxes; boxes of no image and images of an earlier one's id can only be told of."""
    boxes_of: dict[int, list[Record]] = {number: [] for each in part.images if isinstance(number := each.get("id"), int)}
    unread, seen = list[Unread](), set[int]()
    for row, box in enumerate(part.boxes):
        if isinstance(number := box.get("image_id"), int) and number in boxes_of:
            boxes_of[number].append(box)
        else:
            reason = f"wanted a box of one of {len(boxes_of)} images, got one of image {number!a}"
            unread.append(Unread(part.part, f"{part.file}: annotation {box.get('id', row)!a}", partial(_refuse, reason)))
    for row, image in enumerate(part.images):
        number, name = image.get("id"), image.get("file_name")
        if isinstance(number, int) and number not in seen and isinstance(name, str) and _is_below(name):
            seen.add(number)
            read = partial(_picture, part.folder / name, image, boxes_of[number], part.names)
            unread.append(Unread(part.part, f"{part.folder.name}/{name}", read))
        else:
            reason = f"wanted an id of its own and the name of a file in {part.folder.name}, got {number!a} and {name!a}"
            unread.append(Unread(part.part, f"{part.file}: image {row}", partial(_refuse, reason)))
    return unread


def _is_below(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(name) and "\0" not in name and not path.is_absolute() and ".." not in path.parts


def _picture(path: Path, image: Record, boxes: Sequence[Record], names: Mapping[int, str]) -> tuple[Image.Image, list[Box]]:
    picture = upright_rgb(str(path))
    told = image.get("width"), image.get("height")
    if None not in told and told != picture.size:
        raise DataError(f"wanted an image of {told[0]} x {told[1]} pixels, as its record says, got {picture.width} x {picture.height}")
    return picture, [_box(each, names, picture.size) for each in boxes if not each.get("iscrowd")]


def _box(record: Record, names: Mapping[int, str], size: tuple[int, int]) -> Box:
    """COCO's x, y, width and height -> corners."""
    category, told = record.get("category_id"), record.get("bbox")
    if not isinstance(category, int) or category not in names:
        raise DataError(f"wanted boxes of the categories {sorted(names)}, got one of {category!a}")
    if not isinstance(told, list) or len(told) != CORNERS or not all(isinstance(each, int | float) for each in told):
        raise DataError(f"wanted a box as x, y, width and height, got {told!a}")
    try:
        x, y, width, height = (float(each) for each in told)
    except OverflowError as err:
        raise DataError(f"wanted a box within {size[0]} x {size[1]} pixels, got a number beyond all floats") from err
    return Box(names[category], (_within(x, size[0]), _within(y, size[1]), _within(x + width, size[0]), _within(y + height, size[1])))


def _within(place: float, most: int) -> float:
    """What lies beyond the border by no more than was lost in rounding -> the border."""
    return min(max(place, 0.0), float(most)) if -BORDER <= place <= most + BORDER else place


def _refuse(reason: str) -> NoReturn:
    raise DataError(reason)
