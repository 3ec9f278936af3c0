import pytest
from PIL import Image

from dpm_flower.core.errors import DataError
from dpm_flower.data.imagenet import imagenet


@pytest.fixture
def small(tmp_path):
    for part in ("train", "val"):
        for number, wnid in enumerate(("n01440764", "n01443537")):
            (tmp_path / part / wnid).mkdir(parents=True)
            Image.new("RGB", (30, 20), (0, 200 * number, 0)).save(tmp_path / part / wnid / f"{part}_{wnid}.JPEG", "JPEG")
    (tmp_path / "test").mkdir()
    Image.new("RGB", (30, 20)).save(tmp_path / "test" / "unlabelled.JPEG", "JPEG")
    return tmp_path


def test_val_is_the_test_set_and_unlabelled_images_are_not_read(small):
    data = imagenet(small, 12).decoded()
    assert data.name == "imagenet"
    assert data.class_names == ("n01440764", "n01443537")
    assert (data.train.images.shape, data.test.images.shape) == ((2, 3, 12, 12), (2, 3, 12, 12))
    assert [int(image[1].float().mean() > 100) for image in data.test.images] == data.test.labels.tolist() == [0, 1]


def test_another_layout_is_refused(small):
    (small / "val").rename(small / "validation")
    with pytest.raises(DataError, match=r"imagenet: wanted ROOT/train/WNID/IMAGE and ROOT/val/WNID/IMAGE.*missing \['.*/val'\]"):
        imagenet(small, 12)
