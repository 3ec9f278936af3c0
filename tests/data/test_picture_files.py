import numpy as np
import pytest
from PIL import Image

from dpm_flower.core.errors import DataError
from dpm_flower.data import picture_files
from dpm_flower.data.picture_files import images_from_files


def write(path, seed=0, size=(12, 12)):
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def read(paths, side=12):
    return np.concatenate(list(images_from_files([str(path) for path in paths], side)))


def test_pixels_come_back_exactly_and_in_order_whatever_the_pieces_and_tasks(tmp_path, monkeypatch):
    pixels = np.stack([write(tmp_path / f"{number}.png", number) for number in range(9)])
    paths = [tmp_path / f"{number}.png" for number in range(9)]
    assert np.array_equal(read(paths).transpose(0, 2, 3, 1), pixels)
    monkeypatch.setattr(picture_files, "PIECE_IMAGES", 4)
    monkeypatch.setattr(picture_files, "TASK_IMAGES", 3)
    assert [len(piece) for piece in images_from_files([str(path) for path in paths], 12)] == [4, 4, 1]
    assert np.array_equal(read(paths).transpose(0, 2, 3, 1), pixels)


@pytest.mark.parametrize("size", [(24, 40), (40, 24), (12, 30)])
def test_the_centre_square_is_resized(tmp_path, size):
    pixels, edge = write(tmp_path / "a.png", 5, size), min(size)
    top, left = (size[0] - edge) // 2, (size[1] - edge) // 2
    cut = Image.fromarray(pixels[top : top + edge, left : left + edge])
    expected = np.asarray(cut.resize((12, 12), Image.Resampling.LANCZOS))
    assert np.array_equal(read([tmp_path / "a.png"])[0].transpose(1, 2, 0), expected)


def test_grey_and_transparent_images_are_read(tmp_path):
    Image.new("L", (12, 12), 51).save(tmp_path / "0.png")
    Image.new("RGBA", (12, 12), (255, 0, 51, 9)).save(tmp_path / "1.png")
    images = read([tmp_path / "0.png", tmp_path / "1.png"])
    assert np.unique(images[0]).tolist() == [51]
    assert images[1, :, 0, 0].tolist() == [255, 0, 51]


@pytest.mark.parametrize("name", ["turned.png", "turned.jpg"])
def test_an_image_stands_as_the_camera_was_held(tmp_path, name):
    turned = Image.new("RGB", (16, 16))
    turned.paste((255, 255, 255), (0, 0, 16, 8))  # upper half white; the camera says: turn by 180 degrees
    exif = Image.Exif()
    exif[274] = 3
    turned.save(tmp_path / name, exif=exif)
    turned.save(tmp_path / f"plain-{name}")
    upright, plain = read([tmp_path / name, tmp_path / f"plain-{name}"], side=16)
    assert upright[:, :7].max() < 30 < 225 < upright[:, 9:].min()
    assert plain[:, 9:].max() < 30 < 225 < plain[:, :7].min()


@pytest.mark.parametrize("name", ["0.png", "0.jpg"])
def test_an_unreadable_image_is_refused_by_name(tmp_path, name):
    path = tmp_path / name
    write(path, 0, size=(40, 40))
    whole = path.read_bytes()
    for content in (b"", b"no image", whole[:40], whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(DataError, match="wanted a readable image") as refusal:
            read([path])
        assert str(path) in str(refusal.value)


def test_sixteen_bits_are_refused(tmp_path):
    Image.fromarray(np.full((12, 12), 40_000, np.uint16)).save(tmp_path / "0.png")
    with pytest.raises(DataError, match="8 bits per channel, got Pillow's mode I;16"):
        read([tmp_path / "0.png"])
