"""Pictures that can be used become parts; each that cannot is told by name, and the others stay."""

import numpy as np
import pytest
import torch
from PIL import Image

from dpm_flower.core.errors import DataError
from dpm_flower.data import boxed_parts
from dpm_flower.data.boxed_parts import Unread, read_parts
from dpm_flower.data.voc_xml import Box

NAMES = ("cat", "dog")


def pixels(seed=0, size=(10, 20)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def unread(part, name, *boxes, seed=0, size=(10, 20), error=None):
    def read():
        if error:
            raise DataError(error)
        return Image.fromarray(pixels(seed, size)), boxes

    return Unread(part, name, read)


PARTS = [
    unread("train", "a", Box("dog", (1, 2, 20, 10)), Box("cat", (0, 0, 3.5, 1))),
    unread("validation", "b", Box("cat", (2, 2, 4, 4)), seed=1),
    unread("test", "c", seed=2),
]


def test_parts_hold_pixels_boxes_and_classes():
    parts, left_out = read_parts(PARTS, NAMES, None, "here")
    assert left_out == {}
    assert torch.equal(parts["train"].images[0], torch.from_numpy(pixels()).permute(2, 0, 1))
    assert parts["train"].boxes[0].tolist() == [[1, 2, 20, 10], [0, 0, 3.5, 1]]
    assert parts["train"].labels[0].tolist() == [1, 0]
    assert parts["test"].boxes[0].shape == (0, 4)
    assert {part.class_names for part in parts.values()} == {NAMES}


def test_the_same_pixels_under_another_name_are_in_the_first_part_only():
    parts, left_out = read_parts([*PARTS, unread("test", "copy of a", Box("dog", (1, 2, 20, 10)))], NAMES, None, "here")
    assert left_out == {"copy of a": "wanted each picture once, got the pixels of a again"}
    assert [len(part) for part in parts.values()] == [1, 1, 1]


def test_boxes_are_resized_with_their_images():
    parts, _ = read_parts(PARTS, NAMES, (30, 10), "here")
    assert parts["train"].size == (30, 10)
    assert parts["train"].boxes[0].tolist() == [[0.5, 6, 10, 30], [0, 0, 1.75, 3]]
    wanted = np.asarray(Image.fromarray(pixels()).resize((10, 30), Image.Resampling.LANCZOS))
    assert torch.equal(parts["train"].images[0], torch.from_numpy(wanted.copy()).permute(2, 0, 1))


@pytest.mark.parametrize(("width", "becomes"), [(20, 41), (7, 57), (13, 7)])
def test_a_box_at_the_border_stays_within_it_whatever_is_rounded(width, becomes):
    at_the_border = unread("train", "z", Box("cat", (0, 0, width, 10)), seed=9, size=(10, width))
    parts, left_out = read_parts([at_the_border, *PARTS], NAMES, (9, becomes), "here")
    assert left_out == {}
    assert parts["train"].boxes[0].tolist() == [[0, 0, becomes, 9]]


@pytest.mark.parametrize(
    ("strange", "reason"),
    [
        (unread("train", "z", Box("cat", (1, 2, 20.5, 10))), "within 20 x 10 pixels"),
        (unread("train", "z", Box("cat", (1, 2, 1, 10))), "boxes with an area"),
        (unread("train", "z", Box("cat", (1, float("nan"), 2, 10))), "boxes with an area"),
        (unread("train", "z", Box("cat", (1, 0, 1e300, 10))), "boxes with an area"),
        (unread("train", "z", Box("cow", (1, 2, 3, 4))), "classes cat, dog, got one of 'cow'"),
        (unread("train", "z", error="wanted a readable image"), "wanted a readable image"),
    ],
    ids=["outside", "no width", "no number", "giant", "unknown class", "unreadable"],
)
def test_what_cannot_be_used_is_left_out_and_told(strange, reason):
    parts, left_out = read_parts([strange, *PARTS], NAMES, None, "here")
    assert list(left_out) == ["z"]
    assert reason in left_out["z"]
    assert len(parts["train"]) == 1


def test_a_box_that_resizing_rounds_to_nothing_costs_its_image_only():
    left = torch.linspace(8.0, 15.0, 1000)
    right = torch.nextafter(left, torch.tensor(99.0))
    scale = torch.tensor(33 / 20)
    row = int((left * scale == right * scale).nonzero()[0])  # floats lie further apart beyond 16
    narrow = unread("train", "z", Box("cat", (float(left[row]), 0, float(right[row]), 10)), seed=9)
    assert read_parts([narrow, *PARTS], NAMES, None, "here")[1] == {}
    assert list(read_parts([narrow, *PARTS], NAMES, (10, 33), "here")[1]) == ["z"]


def test_a_picture_is_in_one_part_only_and_there_once():
    parts, left_out = read_parts([*PARTS, unread("test", "a"), unread("train", "a")], NAMES, None, "here")
    assert left_out == {"a (test)": "wanted a picture in one part only, got one of the train part"}
    assert [len(part) for part in parts.values()] == [1, 1, 1]


def test_images_of_several_sizes_want_a_size():
    mixed = [*PARTS, unread("test", "wide", size=(10, 30))]
    with pytest.raises(DataError, match=r"here: wanted images of one size, or a size.*got 20 x 10 \(a\) and 30 x 10 \(wide\)"):
        read_parts(mixed, NAMES, None, "here")
    assert len(read_parts(mixed, NAMES, (10, 20), "here")[0]["test"]) == 2


def test_a_part_without_any_usable_image_is_refused_with_a_reason():
    with pytest.raises(DataError, match=r"here: wanted at least one usable image in the test part, got none$"):
        read_parts(PARTS[:2], NAMES, None, "here")
    with pytest.raises(DataError, match=r"test part, got none \(c: no picture\)"):
        read_parts([*PARTS[:2], unread("test", "c", error="no picture")], NAMES, None, "here")


def test_the_order_is_that_of_the_names_whatever_a_piece_is(monkeypatch):
    many = [unread("train", str(number), seed=number) for number in range(3, 10)]
    whole = read_parts([*many, *PARTS[1:]], NAMES, None, "here")[0]["train"].images
    monkeypatch.setattr(boxed_parts, "PIECE_IMAGES", 2)
    assert torch.equal(read_parts([*many, *PARTS[1:]], NAMES, None, "here")[0]["train"].images, whole)
    assert torch.equal(whole, torch.stack([torch.from_numpy(pixels(number)).permute(2, 0, 1) for number in range(3, 10)]))
