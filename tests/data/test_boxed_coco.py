import json

import pytest
import torch

from dpm_flower.core.errors import DataError
from dpm_flower.data.boxed_sources import load_boxed
from tests.data.boxed_made import CATEGORIES, coco_box, coco_file, coco_folder, coco_record, picture


def test_each_part_comes_with_its_boxes_and_dense_classes(tmp_path):
    coco_folder(tmp_path)
    coco_file(tmp_path, "train", [coco_record(1, "a.png")], [coco_box(1), coco_box(1, (0, 0, 2.5, 4), 3)])
    data = load_boxed(str(tmp_path))
    assert data.left_out == {}
    assert data.train.class_names == ("cat", "dog")  # ids 3 and 18
    assert data.train.boxes[0].tolist() == [[1, 2, 20, 10], [0, 0, 2.5, 4]]
    assert data.train.labels[0].tolist() == [1, 0]
    assert torch.equal(data.test.images[0], torch.from_numpy(picture(tmp_path / "again.png", 2)).permute(2, 0, 1))


def test_boxes_around_crowds_are_left_out_and_images_without_boxes_stay(tmp_path):
    coco_file(coco_folder(tmp_path), "train", [coco_record(1, "a.png")], [coco_box(1, (0, 0, 900, 900), iscrowd=1)])
    data = load_boxed(str(tmp_path))
    assert data.left_out == {}
    assert data.train.boxes[0].shape == (0, 4)


def test_other_parts_categories_are_known_by_their_names(tmp_path):
    coco_file(coco_folder(tmp_path), "val", [coco_record(1, "a.png")], [coco_box(1, category=1)], [{"id": 1, "name": "cat"}])
    assert load_boxed(str(tmp_path)).validation.labels[0].tolist() == [0]
    coco_file(tmp_path, "val", [coco_record(1, "a.png")], [coco_box(1, category=1)], [{"id": 1, "name": "cow"}])
    with pytest.raises(DataError, match=r"usable image in the validation part.*cat, dog, got one of 'cow'"):
        load_boxed(str(tmp_path))


@pytest.mark.parametrize("place", ["images/train2017", "images"])
def test_images_may_lie_one_folder_deeper(tmp_path, place):
    coco_folder(tmp_path)
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / "train2017").rename(tmp_path / place)
    assert len(load_boxed(str(tmp_path)).train) == 1


def test_rounding_at_the_border_is_cut_off(tmp_path):
    coco_file(coco_folder(tmp_path), "train", [coco_record(1, "a.png")], [coco_box(1, (-0.01, 2, 20.02, 8.4))])
    assert load_boxed(str(tmp_path)).train.boxes[0].tolist() == [[0, 2, 20, 10]]


ODD = coco_record(2, "b.png")


@pytest.mark.parametrize(
    ("record", "bbox", "reason"),
    [
        (ODD, coco_box(2, (1, 2, 20, 8)), "within 20 x 10"),
        (ODD, coco_box(2, (-1, 2, 10, 8)), "within 20 x 10"),
        (ODD, coco_box(2, (1, 2, 0, 8)), "with an area"),
        (ODD, coco_box(2, (1, 2, float("nan"), 8)), "with an area"),
        (ODD, coco_box(2, (1, 2, 10**400, 8)), "beyond all floats"),
        (ODD, coco_box(2, (1, 2, 8)), "x, y, width and height, got [1, 2, 8]"),
        (ODD, coco_box(2, ("1", 2, 8, 8)), "x, y, width and height"),
        (ODD, coco_box(2, category=99), "categories [3, 18], got one of 99"),
        (ODD | {"width": 30}, coco_box(2), "of 30 x 10 pixels, as its record says, got 20 x 10"),
        (ODD | {"file_name": "none.png"}, coco_box(2), "wanted a readable image"),
        (ODD | {"file_name": "torn.png"}, coco_box(2), "wanted a readable image"),
        (ODD | {"file_name": "../val2017/a.png"}, coco_box(2), "the name of a file in train2017"),
        (ODD | {"file_name": None}, coco_box(2), "the name of a file in train2017"),
        (ODD | {"id": 1}, coco_box(1), "an id of its own"),
        (ODD | {"id": [2]}, coco_box(1), "an id of its own"),
        (ODD, coco_box(7), "a box of one of 2 images, got one of image 7"),
    ],
    ids=lambda value: value.replace("\n", " ") if isinstance(value, str) else "",
)
def test_what_cannot_be_used_is_left_out_and_told(tmp_path, record, bbox, reason):
    picture(coco_folder(tmp_path) / "train2017/b.png", 5)
    (tmp_path / "train2017/torn.png").write_bytes(b"\x89PNG torn")
    coco_file(tmp_path, "train", [coco_record(1, "a.png"), record], [coco_box(1), bbox])
    data = load_boxed(str(tmp_path))
    assert len(data.left_out) == 1
    assert reason in next(iter(data.left_out.values()))
    assert len(data.train) == (2 if bbox["image_id"] == 7 else 1)


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_a_missing_part_is_refused_and_named(tmp_path, part):
    (coco_folder(tmp_path) / f"annotations/instances_{part}2017.json").unlink()
    with pytest.raises(DataError, match=rf"wanted one file annotations/instances_{part}\*\.json"):
        load_boxed(str(tmp_path))


def test_two_files_of_one_part_and_missing_images_are_refused(tmp_path):
    coco_folder(tmp_path)
    (tmp_path / "val2017").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="the validation images in val2017, images/val2017 or images, got none"):
        load_boxed(str(tmp_path))
    (tmp_path / "annotations/instances_train2014.json").write_text("{}")
    with pytest.raises(DataError, match=r"instances_train2014\.json, instances_train2017\.json"):
        load_boxed(str(tmp_path))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", json.dumps({"images": [], "annotations": [1], "categories": CATEGORIES}), "[" * 100_000],
    ids=["empty", "torn", "list", "no records", "deep"],
)
def test_what_is_no_such_json_is_refused(tmp_path, text):
    (coco_folder(tmp_path) / "annotations/instances_val2017.json").write_text(text)
    with pytest.raises(DataError, match=r"instances_val2017\.json: wanted"):
        load_boxed(str(tmp_path))
