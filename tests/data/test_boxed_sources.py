import pytest

from dpm_flower.core.errors import DataError
from dpm_flower.data.boxed_sources import load_boxed
from tests.data.boxed_made import coco_folder, npz_file, voc_folder


@pytest.mark.parametrize("made", [npz_file, voc_folder, coco_folder], ids=["npz", "voc", "coco"])
def test_all_layouts_give_parts_of_one_kind(tmp_path, made):
    data = load_boxed(str(made(tmp_path / "set")), (16, 32))
    for part in (data.train, data.validation, data.test):
        assert (part.size, part.class_names) == ((16, 32), ("cat", "dog"))
        assert len(part) >= 1
    assert data.left_out == {}


@pytest.mark.parametrize("name", ["", "nothing.npz", "a.txt", "~nobody-of-that-name/x", "x" * 5000, "\0"])
def test_anything_else_is_refused_and_told_what_is_known(tmp_path, name):
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(DataError, match=r"wanted an \.npz archive, a folder as Pascal VOC|wanted a path"):
        load_boxed(str(tmp_path / name) if not name.startswith(("~", "\0")) else name)


def test_a_size_without_pixels_is_refused(tmp_path):
    with pytest.raises(DataError, match="at least 1 pixel"):
        load_boxed(str(npz_file(tmp_path)), (0, 10))
