import numpy as np
import pytest
import torch
from PIL import Image

from dpm_flower.core.errors import DataError
from dpm_flower.data.image_folder import image_folder
from dpm_flower.data.repeats import image_digests


def write(path, seed, size=(12, 12)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def split(tmp_path):
    for row, (part, name) in enumerate((part, name) for part in ("train", "test") for name in ("cat", "dog")):
        for number in range(3):
            write(tmp_path / part / name / f"{number}.png", 10 * row + number)
    return tmp_path


def test_a_ready_split_is_read_as_it_is(split):
    data = image_folder(split, 12)
    assert data.class_names == ("cat", "dog")
    assert data.name == split.name
    assert data.notes == ()
    assert data.train.labels.tolist() == data.test.labels.tolist() == [0, 0, 0, 1, 1, 1]
    pixels = np.asarray(Image.open(split / "test" / "dog" / "1.png"))
    assert np.array_equal((data.test.images[4] * 255).round().numpy().transpose(1, 2, 0), pixels)


def test_the_test_folder_may_be_called_val(split):
    expected = image_folder(split, 12).test.images
    (split / "test").rename(split / "val")
    assert torch.equal(image_folder(split, 12).test.images, expected)


def test_val_beside_test_is_appended_to_train(split):
    write(split / "val" / "dog" / "0.png", 99)
    data = image_folder(split, 12)
    assert (len(data.train), len(data.test)) == (7, 6)
    assert data.train.labels[-1] == 1
    assert "1 images of the folder val" in data.notes[0]


def test_without_a_test_folder_a_stratified_fifth_is_held_out(tmp_path):
    for number in range(15):
        write(tmp_path / "cat" / "deeper" / f"{number}.png", number)
    for number in range(10):
        write(tmp_path / "dog" / f"{number}.PNG", 100 + number)
    (tmp_path / "dog" / "notes.txt").write_text("passed over")
    (tmp_path / ".hidden").mkdir()
    data = image_folder(tmp_path, 12)
    assert torch.bincount(data.test.labels).tolist() == [3, 2]
    assert torch.bincount(data.train.labels).tolist() == [12, 8]
    assert not set(image_digests(data.train.images)) & set(image_digests(data.test.images))
    assert "stratified fifth, 5 images" in data.notes[0]
    assert torch.equal(image_folder(tmp_path, 12).test.images, data.test.images)


def test_the_centre_square_is_resized(split):
    pixels = write(split / "train" / "cat" / "0.png", 5, size=(24, 40))
    expected = Image.fromarray(pixels[:, 8:32]).resize((12, 12), Image.Resampling.LANCZOS)
    assert np.array_equal((image_folder(split, 12).train.images[0] * 255).round().numpy().transpose(1, 2, 0), np.asarray(expected))


def test_grey_transparent_and_turned_images_are_read(split):
    Image.new("L", (12, 12), 51).save(split / "train" / "cat" / "0.png")
    Image.new("RGBA", (12, 12), (255, 0, 51, 9)).save(split / "train" / "cat" / "1.png")
    turned = Image.new("RGB", (12, 12))
    turned.paste((255, 255, 255), (0, 0, 12, 6))  # upper half white; the camera says: turn by 180 degrees
    exif = Image.Exif()
    exif[274] = 3
    turned.save(split / "train" / "cat" / "2.png", exif=exif)
    images = image_folder(split, 12).train.images
    assert torch.allclose(images[0], torch.tensor(0.2))
    assert torch.allclose(images[1, :, 0, 0], torch.tensor([1.0, 0.0, 0.2]))
    assert images[2, :, :6].max() == 0
    assert images[2, :, 6:].min() == 1


@pytest.mark.parametrize("name", ["0.png", "0.jpg"])
def test_an_unreadable_image_is_refused_by_name(split, name):
    path = split / "train" / "dog" / name
    write(path, 0, size=(40, 40))
    whole = path.read_bytes()
    for content in (b"", b"no image", whole[:40], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="wanted a readable image") as refusal:
            image_folder(split, 12)
        assert str(path) in str(refusal.value)


def test_sixteen_bits_are_refused(split):
    Image.fromarray(np.full((12, 12), 40_000, np.uint16)).save(split / "train" / "cat" / "0.png")
    with pytest.raises(DataError, match="8 bits per channel, got Pillow's mode I;16"):
        image_folder(split, 12)


def test_a_class_without_images_is_refused(split):
    (split / "train" / "eel").mkdir()
    with pytest.raises(DataError, match="got none of eel"):
        image_folder(split, 12)


def test_a_test_class_that_is_not_trained_is_refused(split):
    write(split / "test" / "eel" / "0.png", 1)
    with pytest.raises(DataError, match="got also eel"):
        image_folder(split, 12)


def test_an_empty_test_folder_is_refused(split):
    for path in (split / "test").rglob("*.png"):
        path.unlink()
    with pytest.raises(DataError, match="got no images"):
        image_folder(split, 12)


def test_other_layouts_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"FOLDER/CLASS/IMAGE with at least two classes; got the folders \[\]"):
        image_folder(tmp_path, 12)
    write(tmp_path / "train" / "cat" / "0.png", 0)
    with pytest.raises(DataError, match=r"got the folders \['train'\]"):
        image_folder(tmp_path, 12)
    with pytest.raises(DataError, match="wanted a folder of images"):
        image_folder(tmp_path / "none", 12)
