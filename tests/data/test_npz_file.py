import io
import zipfile

import numpy as np
import pytest
import torch

from dpm_flower.core.errors import DataError
from dpm_flower.data.npz_file import npz_file as opened


def npz_file(path, side, label=""):
    return opened(path, side, label).decoded()


RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (6, 12, 12, 3), dtype=np.uint8)
Y = np.array([0, 1, 0, 1, 1, 0], np.uint8)


def saved(path, **changes):
    members = {"x_train": X, "y_train": Y, "x_test": X[:4], "y_test": Y[:4]} | changes
    np.savez_compressed(path, **{name: member for name, member in members.items() if member is not None})
    return path


def saved_lzma(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, member in (("x_train", X), ("y_train", Y), ("x_test", X), ("y_test", Y)):
            content = io.BytesIO()
            np.save(content, member)
            archive.writestr(f"{name}.npy", content.getvalue())
    return path


def test_images_labels_and_names_come_back(tmp_path):
    data = npz_file(saved(tmp_path / "cells.npz", class_names=np.array(["healthy", "ill"])), 12)
    assert (data.name, data.class_names, data.notes) == ("cells", ("healthy", "ill"), ())
    assert np.array_equal(data.train.images.numpy().transpose(0, 2, 3, 1), X)
    assert data.train.labels.tolist() == Y.tolist()
    assert data.test.labels.tolist() == Y[:4].tolist()


def test_grey_floats_and_other_sides_are_brought_to_one_form(tmp_path):
    data = npz_file(saved(tmp_path / "a.npz", x_train=X[..., 0], x_test=(X[:4] / 255).astype(np.float16)), 16)
    assert data.train.images.shape == (6, 3, 16, 16)
    assert data.test.images.shape == (4, 3, 16, 16)
    assert data.class_names == ("0", "1")
    assert data.notes == ("images of 12 x 12 pixels were resized to 16 x 16",)


def test_validation_images_are_appended(tmp_path):
    data = npz_file(saved(tmp_path / "a.npz", x_val=X[:2], y_val=Y[:2]), 12)
    assert len(data.train) == 8
    assert torch.equal(data.train.images[6:], data.train.images[:2])
    assert data.train.labels[6:].tolist() == Y[:2].tolist()
    assert "2 validation images" in data.notes[0]


def test_lzma_members_are_read(tmp_path):
    assert len(npz_file(saved_lzma(tmp_path / "a.npz"), 12).train) == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_test": None}, "missing y_test"),
        ({"x_val": X}, "x_val and y_val or neither"),
        ({"x_train": X[0]}, "y_train: wanted one label for each of 12"),
        ({"x_train": X[..., :2]}, "x_train: wanted images"),
        ({"x_train": X.astype(np.int16)}, "x_train: wanted uint8 images or floats"),
        ({"x_test": np.full((4, 12, 12), np.nan)}, "x_test: wanted finite floats"),
        ({"y_train": Y[:5]}, "y_train: wanted one label for each of 6 images, got 5"),
        ({"y_train": Y.astype(float)}, "y_train: wanted whole-number labels"),
        ({"y_train": -Y.astype(int)}, "y_train: wanted class numbers"),
        ({"class_names": np.array(["only"])}, "y_train: wanted labels below the number of classes, 1, got 1"),
        ({"class_names": np.array([1, 2])}, "class_names: wanted strings"),
        ({"y_train": np.array([{}] * 6, dtype=object)}, "without pickled members"),
    ],
)
def test_wrong_members_are_refused_with_the_file_named(tmp_path, changes, message):
    path = saved(tmp_path / "bad.npz", **changes)
    with pytest.raises(DataError, match=message) as refusal:
        npz_file(path, 12)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize("write", [saved, saved_lzma])
def test_a_file_cut_short_or_altered_is_refused_wherever(tmp_path, write):
    path = write(tmp_path / "bad.npz")
    whole = path.read_bytes()
    for end in range(0, len(whole) - 1, 97):
        path.write_bytes(whole[:end])
        with pytest.raises(DataError, match=r"bad\.npz"):
            npz_file(path, 12)
    altered = bytearray(whole)
    altered[200] ^= 1
    path.write_bytes(altered)
    with pytest.raises(DataError, match=r"bad\.npz"):
        npz_file(path, 12)


@pytest.mark.parametrize("old", [b"NUMPY", b"'descr'", b"(6, 12, 12, 3)"])
def test_members_with_another_header_are_refused(tmp_path, old):
    path = tmp_path / "bad.npz"
    with zipfile.ZipFile(path, "w") as archive:  # rewritten whole, so that the checksums agree
        for name, member in (("x_train", X), ("y_train", Y), ("x_test", X), ("y_test", Y)):
            content = io.BytesIO()
            np.save(content, member)
            archive.writestr(f"{name}.npy", content.getvalue().replace(old, b"(" * len(old)))
    with pytest.raises(DataError, match=r"bad\.npz"):
        npz_file(path, 12)


@pytest.mark.parametrize("content", [b"", b"not an archive", b"\x80\x04N."])
def test_what_is_no_archive_is_refused(tmp_path, content):
    path = tmp_path / "bad.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.npz: wanted a complete \.npz archive"):
        npz_file(path, 12)


def test_a_single_array_is_refused(tmp_path):
    path = tmp_path / "bad.npz"
    with path.open("wb") as file:
        np.save(file, X)
    with pytest.raises(DataError, match="got a single array"):
        npz_file(path, 12)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        npz_file(tmp_path / "none.npz", 12)


SEX = np.array([0, 1, 0, 0, 1, 1], np.uint8)


def test_columns_belong_to_their_images(tmp_path):
    path = saved(tmp_path / "a.npz", sex_train=SEX, sex_test=SEX[2:], x_val=X[:2], y_val=Y[:2], sex_val=SEX[3:5])
    column = npz_file(path, 12).columns["sex"]
    assert column.train == tuple("01001101")
    assert column.test == tuple("0011")


def test_a_column_becomes_the_class_and_needs_no_y(tmp_path):
    path = saved(tmp_path / "a.npz", y_train=None, y_test=None, sex_train=SEX, sex_test=SEX[2:], sex_names=np.array(["male", "female"]))
    data = npz_file(path, 12, "sex")
    assert data.class_names == ("female", "male")
    assert data.train.labels.tolist() == (1 - SEX).tolist()
    assert data.test.labels.tolist() == (1 - SEX[2:]).tolist()


def attributes(rows):
    return {"attr_names": np.array(["Male", "Smiling"]), "attr_train": rows, "attr_test": rows[:4]}


def test_an_attribute_becomes_the_class(tmp_path):
    rows = np.stack((SEX, 1 - SEX), axis=1)
    path = saved(tmp_path / "a.npz", y_train=None, y_test=None, **attributes(rows), x_val=X[:1], attr_val=rows[:1])
    data = npz_file(path, 12, "Smiling")
    assert data.class_names == ("not Smiling", "Smiling")
    assert data.train.labels.tolist() == [*(1 - SEX), 1 - SEX[0]]
    assert data.test.labels.tolist() == (1 - SEX[:4]).tolist()
    assert data.columns == {}


@pytest.mark.parametrize(
    ("label", "changes", "message"),
    [
        ("", {"y_train": None}, r"missing y_train.*label=NAME"),
        ("age", {"sex_train": SEX, "sex_test": SEX[:4]}, "wanted a column or an attribute 'age' as label, got the columns sex"),
        ("Bald", attributes(np.zeros((6, 2), np.uint8)), "wanted a column or an attribute 'Bald'"),
        ("Male", attributes(np.full((6, 2), 2)), "wanted the attribute Male as 0 and 1, got values from 2 to 2"),
        ("Male", attributes(np.zeros((6, 3), np.uint8)), "wanted a column or an attribute 'Male'"),
    ],
)
def test_labels_that_cannot_be_are_refused(tmp_path, label, changes, message):
    with pytest.raises(DataError, match=message):
        npz_file(saved(tmp_path / "a.npz", **changes), 12, label)


def test_what_is_no_column_is_left_out_and_said(tmp_path):
    changes = {"short_train": SEX[:5], "short_test": SEX[:4], "alone_train": SEX, "thing_train": np.array([{}] * 6), "box_train": X}
    data = npz_file(saved(tmp_path / "a.npz", **changes), 12)
    assert data.columns == {}
    assert [note.split()[2] for note in data.notes] == ["short_train", "alone_train"]


def test_chosen_columns_and_attributes_become_attributes_of_the_images(tmp_path):
    rows = np.stack((SEX, 1 - SEX), axis=1)
    rows[1, 0] = 255
    more = {"ill_train": SEX, "ill_test": SEX[:4], "ill_val": SEX[:1]}
    path = saved(tmp_path / "a.npz", **attributes(rows), **more, x_val=X[:1], y_val=Y[:1], attr_val=rows[:1])
    data = opened(path, 12, "", ("Smiling", "ill", "Male")).decoded()
    assert data.attribute_names == ("Smiling", "ill", "Male")
    wanted = np.stack((rows[:, 1], SEX, rows[:, 0]), axis=1)
    assert data.train.attributes.tolist() == [*wanted.tolist(), wanted[0].tolist()]
    assert data.test.attributes.tolist() == wanted[:4].tolist()
    assert list(data.columns) == ["ill"]


def test_what_nobody_asks_for_is_no_attribute(tmp_path):
    data = npz_file(saved(tmp_path / "a.npz", **attributes(np.zeros((6, 2), np.uint8)), sex_train=SEX, sex_test=SEX[:4]), 12)
    assert (data.attribute_names, data.train.attributes, data.test.attributes) == ((), None, None)


@pytest.mark.parametrize(
    ("label", "chosen", "message"),
    [
        ("", ("Bald",), "wanted columns or attributes of the data as attributes, got Bald; its columns are sex"),
        ("Male", ("sex", "Male"), "wanted attributes beside the class, which is released, got Male"),
        ("", ("Male",), r"wanted attributes as 0, 1 or 255 \(unknown\), got \[2\]"),
    ],
)
def test_attributes_that_cannot_be_are_refused(tmp_path, label, chosen, message):
    rows = np.full((6, 2), 0 if label else 2, np.uint8)
    path = saved(tmp_path / "a.npz", **attributes(rows), sex_train=SEX, sex_test=SEX[:4])
    with pytest.raises(DataError, match=message):
        opened(path, 12, label, chosen)
