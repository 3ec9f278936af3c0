"""Boxes as Pascal VOC writes them: an XML file's bytes -> classes and boxes, checked against the image that they belong to."""

import math
from collections.abc import Collection
from dataclasses import dataclass
from xml.etree import ElementTree

from dpm_flower.core.errors import DataError

MAX_XML_BYTES = 1 << 20  # of one image: thousands of boxes
CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True, slots=True)
class Box:
    """What is in it, and its corners in pixels of the upright image: xmin, ymin, xmax, ymax."""

    name: str
    corners: tuple[float, float, float, float]


def boxes_of(xml: bytes, size: tuple[int, int], classes: Collection[str]) -> tuple[Box, ...]:
    """An annotation, the image's width and height, and the classes there are -> its boxes, none for an image without objects.

    Corners may count pixels from 0 or from 1, as tools differ: 0 <= xmin < xmax <= width, and likewise in height.
    Raises DataError for what is no annotation, one of an image of another size, an unknown class, a box without area or outside.
    """
    root = _root(xml)
    _check_size(root, size)
    return tuple(_box(found, size, classes) for found in root.iter("object"))


def classes_in(xml: bytes) -> set[str]:
    """An annotation -> the classes of its boxes. Raises DataError for what is no annotation."""
    return {name for found in _root(xml).iter("object") if (name := _name(found))}


def _root(xml: bytes) -> ElementTree.Element:
    if len(xml) > MAX_XML_BYTES:
        raise DataError(f"wanted an annotation of at most {MAX_XML_BYTES} bytes, got {len(xml)}")
    if b"\0" in xml or b"<!DOCTYPE" in xml or b"<!ENTITY" in xml:  # annotations have none, and entities can grow without end
        raise DataError("wanted an annotation in UTF-8 without a document type, got another")
    try:
        root = ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError, LookupError) as err:
        raise DataError(f"wanted an annotation in XML, got something else: {err}") from err
    if root.tag != "annotation":
        raise DataError(f"wanted an annotation, got {root.tag!a}")
    return root


def _check_size(root: ElementTree.Element, size: tuple[int, int]) -> None:
    told = root.find("size")
    if told is not None and (found := tuple(int(_number(told, name)) for name in ("width", "height"))) not in (size, (0, 0)):
        raise DataError(f"wanted boxes of an image of {size[0]} x {size[1]} pixels, got those of one of {found[0]} x {found[1]}")


def _box(found: ElementTree.Element, size: tuple[int, int], classes: Collection[str]) -> Box:
    name = _name(found)
    if name not in classes:
        raise DataError(f"wanted one of the classes {', '.join(sorted(classes))}, got a box of {name!a}")
    place = found.find("bndbox")
    if place is None:
        raise DataError(f"wanted a box of the {name} in the annotation, got none")
    xmin, ymin, xmax, ymax = (_number(place, corner) for corner in CORNERS)
    if xmax <= xmin or ymax <= ymin:
        raise DataError(f"wanted boxes with an area, got one of {xmax - xmin:g} x {ymax - ymin:g} pixels")
    if min(xmin, ymin) < 0 or xmax > size[0] or ymax > size[1]:
        raise DataError(f"wanted boxes within {size[0]} x {size[1]} pixels, got one from {xmin:g},{ymin:g} to {xmax:g},{ymax:g}")
    return Box(name, (xmin, ymin, xmax, ymax))


def _name(found: ElementTree.Element) -> str:
    return (found.findtext("name") or "").strip()


def _number(parent: ElementTree.Element, name: str) -> float:
    text = parent.findtext(name)
    try:
        number = float(text or "")
    except ValueError as err:
        raise DataError(f"wanted a number as {name}, got {text!a}") from err
    if not math.isfinite(number):
        raise DataError(f"wanted a finite number as {name}, got {text!a}")
    return number
