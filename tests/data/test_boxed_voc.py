import pytest
import torch

from dpm_flower.core.errors import DataError
from dpm_flower.data.boxed_sources import load_boxed
from tests.data.boxed_made import picture, voc_added, voc_annotation, voc_folder, voc_list
from tests.data.test_voc_xml import box


def test_each_part_comes_with_its_boxes(tmp_path):
    data = load_boxed(str(voc_folder(tmp_path)))
    assert data.left_out == {}
    assert data.train.class_names == ("cat", "dog")
    assert data.train.boxes[0].tolist() == [[1, 2, 20, 10], [0, 0, 3.5, 1]]
    assert data.train.labels[0].tolist() == [0, 1]
    assert torch.equal(data.validation.images[0], torch.from_numpy(picture(tmp_path / "again.png", 1)).permute(2, 0, 1))
    assert len(data.test) == 1


@pytest.mark.parametrize("place", ["VOCdevkit/VOC2012", "VOC2007"])
def test_the_folder_may_lie_in_its_devkit(tmp_path, place):
    (tmp_path / place).mkdir(parents=True)
    voc_folder(tmp_path / place)
    assert len(load_boxed(str(tmp_path)).train) == 1


def test_two_years_in_one_devkit_are_refused(tmp_path):
    for year in ("VOC2007", "VOC2012"):
        voc_folder(tmp_path / "VOCdevkit" / year)
    with pytest.raises(DataError, match="one folder with JPEGImages, got VOCdevkit/VOC2007, VOCdevkit/VOC2012"):
        load_boxed(str(tmp_path))


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_a_missing_list_is_refused_and_named(tmp_path, part):
    (voc_folder(tmp_path) / f"ImageSets/Main/{part}.txt").unlink()
    with pytest.raises(DataError, match=rf"{part}\.txt: wanted the names of the {part} images, one in a line, got "):
        load_boxed(str(tmp_path))


@pytest.mark.parametrize(
    ("found", "size", "reason"),
    [
        (box("cat", (1, 2, 21, 10)), (20, 10), "within 20 x 10"),
        (box("cat", (5, 2, 5, 10)), (20, 10), "with an area"),
        ("<broken", (20, 10), "in XML"),
        (box("cat"), (1, 2), "those of one of 1 x 2"),
    ],
    ids=["outside", "no width", "no XML", "of another image"],
)
def test_an_annotation_that_cannot_be_used_costs_its_image_only(tmp_path, found, size, reason):
    voc_added(voc_folder(tmp_path), "odd", found, size=size)
    data = load_boxed(str(tmp_path))
    assert list(data.left_out) == ["odd"]
    assert reason in data.left_out["odd"]
    assert len(data.train) == 1


def test_a_class_that_training_does_not_know_costs_its_image_only(tmp_path):
    voc_added(voc_folder(tmp_path), "odd", box("cow"), part="test")
    data = load_boxed(str(tmp_path))
    assert "classes cat, dog, got a box of 'cow'" in data.left_out["odd"]
    assert len(data.test) == 1


def test_lists_by_class_say_which_classes_there_are(tmp_path):
    voc_added(voc_folder(tmp_path), "odd", box("dgo"))
    voc_annotation(tmp_path, "train1", box("cat"))
    for name in ("cat", "horse"):
        voc_list(tmp_path, f"{name}_train", "train1  1")
    data = load_boxed(str(tmp_path))
    assert data.train.class_names == ("cat", "horse")
    assert "got a box of 'dgo'" in data.left_out["odd"]


def test_what_is_missing_or_no_image_costs_its_name_only(tmp_path):
    voc_folder(tmp_path)
    voc_annotation(tmp_path, "no_image", box("cat"))
    picture(tmp_path / "JPEGImages/no_xml.png")
    voc_annotation(tmp_path, "torn", box("cat"))
    (tmp_path / "JPEGImages/torn.jpg").write_bytes(b"\xff\xd8\xff torn")
    voc_list(tmp_path, "train", "no_image", "train1", "no_xml", "torn", "../Annotations/train1", "train1")
    data = load_boxed(str(tmp_path))
    assert {name: reason.split(", got")[0].split(": ")[-1] for name, reason in data.left_out.items()} == {
        "no_image": "wanted an image in JPEGImages",
        "no_xml": "wanted an annotation in Annotations",
        "torn": "wanted a readable image",
        "../Annotations/train1": "wanted an image in JPEGImages",
    }
    assert len(data.train) == 1


def test_training_images_without_any_box_are_refused(tmp_path):
    voc_annotation(voc_folder(tmp_path), "train1")
    with pytest.raises(DataError, match="boxes in the annotations of the 1 training images, got none"):
        load_boxed(str(tmp_path))
