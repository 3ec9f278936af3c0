import numpy as np
import pytest
import torch

from dpm_flower.core.errors import DataError
from dpm_flower.data.boxed_sources import load_boxed
from tests.data.boxed_made import npz_file, npz_members

MEMBERS = npz_members()


def changed(name, row, value):
    array = MEMBERS[name].copy()
    array[row] = value
    return {name: array}


def test_each_part_comes_with_its_boxes_in_their_order(tmp_path):
    data = load_boxed(str(npz_file(tmp_path)))
    assert (len(data.train), len(data.validation), len(data.test), data.left_out) == (3, 1, 1, {})
    assert torch.equal(data.train.images, torch.from_numpy(MEMBERS["images"][:3]).permute(0, 3, 1, 2))
    assert torch.equal(data.train.boxes[0], torch.from_numpy(MEMBERS["boxes"][:2]))
    assert [each.tolist() for each in data.train.labels] == [[0, 1], [], [1]]
    assert torch.equal(data.test.boxes[0], torch.from_numpy(MEMBERS["boxes"][4:]))
    assert data.train.class_names == ("cat", "dog")


def test_grey_images_become_three_equal_channels_and_boxes_of_whole_numbers_are_taken(tmp_path):
    boxes = np.tile(np.array([0, 1, 5, 6], dtype=np.int64), (6, 1))
    data = load_boxed(str(npz_file(tmp_path, images=MEMBERS["images"][..., 0], boxes=boxes)))
    assert torch.equal(data.test.images, torch.from_numpy(MEMBERS["images"][4:, ..., 0]).unsqueeze(1).expand(1, 3, -1, -1))
    assert data.test.boxes[0].tolist() == [[0, 1, 5, 6]] * 2


def test_boxes_are_resized_with_their_images(tmp_path):
    data = load_boxed(str(npz_file(tmp_path)), (20, 10))
    scale = torch.tensor([0.5, 2, 0.5, 2])
    assert data.train.size == (20, 10)
    assert torch.allclose(data.test.boxes[0], torch.from_numpy(MEMBERS["boxes"][4:]) * scale)


@pytest.mark.parametrize(
    ("changes", "name", "reason"),
    [
        (changed("boxes", 2, [1, 2, 20.5, 10]), "c", "within 20 x 10"),
        (changed("boxes", 2, [5, 2, 5, 10]), "c", "with an area"),
        (changed("boxes", 2, np.nan), "c", "with an area"),
        (changed("box_class", 2, 2), "c", r"classes in [0, 2), got one of 2"),
        (changed("box_image", 2, 9), "box 2", "one of 5 images, got one of image 9"),
        (changed("split", 2, 7), "c", "a part of [0, 1, 2], got 7"),
        (changed("boxes", 2, [5, 2, 5, 10]) | {"file": None}, "image 2", "with an area"),
    ],
    ids=["outside", "no width", "no number", "unknown class", "no such image", "no such part", "no names"],
)
def test_what_cannot_be_used_is_left_out_and_told(tmp_path, changes, name, reason):
    data = load_boxed(str(npz_file(tmp_path, **changes)))
    assert list(data.left_out) == [name]
    assert reason in data.left_out[name]
    assert len(data.train) == (3 if name == "box 2" else 2)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"box_image": None}, "missing box_image"),
        ({"images": MEMBERS["images"].astype(np.float32)}, "of uint8"),
        ({"images": MEMBERS["images"][..., :2]}, r"wanted images \(N,H,W,3\)"),
        ({"boxes": MEMBERS["boxes"][:, :3]}, r"wanted boxes \(M,4\)"),
        ({"box_class": MEMBERS["box_class"][:5]}, "box_class: wanted 6 whole numbers"),
        ({"box_image": MEMBERS["box_image"].astype(np.float32)}, "box_image: wanted 6 whole numbers"),
        ({"split": MEMBERS["split"][:4]}, "split: wanted 5 whole numbers"),
        ({"split": np.array([0, 0, 0, 2, 2])}, "split: wanted images of every part.*got none of validation"),
        ({"class_names": np.array(["cat", "cat"])}, "class_names: wanted different strings"),
        ({"class_names": np.array([1, 2])}, "class_names: wanted different strings"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_an_archive_of_another_kind_is_refused_with_its_name(tmp_path, changes, reason):
    with pytest.raises(DataError, match=rf"a\.npz: .*{reason}"):
        load_boxed(str(npz_file(tmp_path, **changes)))


def test_pickled_members_and_torn_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="without pickled members"):
        load_boxed(str(npz_file(tmp_path, boxes=np.array([{}, {}], dtype=object))))
    path = npz_file(tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="complete"):
        load_boxed(str(path))
