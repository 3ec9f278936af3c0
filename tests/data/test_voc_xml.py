import pytest

from dpm_flower.core.errors import DataError
from dpm_flower.data import voc_xml
from dpm_flower.data.voc_xml import Box, boxes_of, classes_in

SIZE, CLASSES = (20, 10), ("cat", "dog")


def box(name="cat", corners=(1, 2, 20, 10)):
    places = "".join(f"<{tag}>{value}</{tag}>" for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True))
    return f"<object><name>{name}</name><bndbox>{places}</bndbox></object>"


def annotation(*boxes, size=SIZE):
    told = f"<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>" if size else ""
    return f"<annotation><filename>other.jpg</filename>{told}{''.join(boxes)}</annotation>".encode()


def test_boxes_come_with_their_classes_in_order():
    found = boxes_of(annotation(box(), box("dog", (0, 0, 3.5, 1))), SIZE, CLASSES)
    assert found == (Box("cat", (1, 2, 20, 10)), Box("dog", (0, 0, 3.5, 1)))
    assert boxes_of(annotation(), SIZE, CLASSES) == ()
    for size in (None, (0, 0)):  # some tools leave it out, or write zeros
        assert len(boxes_of(annotation(box(), size=size), SIZE, CLASSES)) == 1


@pytest.mark.parametrize(
    ("xml", "error"),
    [
        (annotation(box(corners=(1, 2, 21, 10))), "within 20 x 10 pixels, got one from 1,2 to 21,10"),
        (annotation(box(corners=(-1, 2, 20, 10))), "within 20 x 10"),
        (annotation(box(corners=(1, 2, 20, 11))), "within 20 x 10"),
        (annotation(box(corners=(5, 2, 5, 10))), "with an area, got one of 0 x 8 pixels"),
        (annotation(box(corners=(5, 6, 7, 2))), "with an area"),
        (annotation(box(), box("cow")), "one of the classes cat, dog, got a box of 'cow'"),
        (annotation("<object><bndbox/></object>"), "got a box of ''"),
        (annotation("<object><name>cat</name></object>"), "a box of the cat in the annotation, got none"),
        (annotation(box(corners=("a", 2, 20, 10))), "a number as xmin, got 'a'"),
        (annotation(box(corners=(1, 2, "inf", 10))), "finite number as xmax"),
        (annotation(box(corners=(1, "nan", 2, 10))), "finite number as ymin"),
        (annotation(size=(10, 20)), "20 x 10 pixels, got those of one of 10 x 20"),
        (annotation(size=("x", 20)), "a number as width"),
        (b"<annotation>", "in XML, got something else"),
        (b"", "in XML"),
        (b"\xff\xfe\x00", "in UTF-8"),
        (b"<html/>", "got 'html'"),
        (b'<!DOCTYPE a [<!ENTITY b "bb">]><annotation>&b;</annotation>', "in UTF-8 without a document type"),
    ],
)
def test_what_is_wrong_is_refused(xml, error):
    with pytest.raises(DataError, match=error):
        boxes_of(xml, SIZE, CLASSES)


def test_a_giant_is_refused(monkeypatch):
    monkeypatch.setattr(voc_xml, "MAX_XML_BYTES", 10)
    with pytest.raises(DataError, match="at most 10 bytes"):
        boxes_of(annotation(), SIZE, CLASSES)


def test_an_annotation_tells_its_classes():
    assert classes_in(annotation(box(), box("dog"), box("cat"), "<object/>")) == {"cat", "dog"}
    with pytest.raises(DataError, match="in XML"):
        classes_in(b"<annotation>")
