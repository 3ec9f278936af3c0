import numpy as np
import pytest
from PIL import Image

from dpm_flower.core.errors import DataError
from dpm_flower.data import pixels as module
from dpm_flower.data.pixels import image_pieces


def images_from_pixels(pixels, side, where):
    return np.concatenate(list(image_pieces(pixels, side, where)))


@pytest.fixture
def colour():
    return np.random.default_rng(0).integers(0, 256, (5, 12, 12, 3), dtype=np.uint8)


def test_bytes_come_back_exactly(colour):
    images = images_from_pixels(colour, 12, "x")
    assert images.dtype == np.uint8
    assert images.flags.c_contiguous
    assert np.array_equal(images.transpose(0, 2, 3, 1), colour)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f4"])
def test_floats_that_stand_for_bytes_become_these_bytes(colour, dtype):
    assert np.array_equal(images_from_pixels((colour / 255.0).astype(dtype), 12, "x"), images_from_pixels(colour, 12, "x"))


def test_other_floats_go_to_the_nearest_level():
    levels = np.linspace(0, 1, 1000).reshape(10, 10, 10)
    images = images_from_pixels(levels, 10, "x")
    assert np.abs(images[:, 0] - levels * 255).max() <= 0.5 + 1e-4
    assert (images.min(), images.max()) == (0, 255)


def test_grey_becomes_three_equal_channels(colour):
    images = images_from_pixels(colour[..., 0], 12, "x")
    for channel in range(3):
        assert np.array_equal(images[:, channel], images_from_pixels(colour, 12, "x")[:, 0])


@pytest.mark.parametrize("side", [5, 31])
def test_resizing_agrees_with_pillow(colour, side):
    pale = 96 + colour // 4  # Pillow cuts overshoot off between its two passes; these pixels have none
    images = images_from_pixels(pale, side, "x")
    for row, picture in zip(images, pale, strict=True):
        pillow = np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))
        # it also rounds there: hence two steps of a byte
        assert np.abs(row.transpose(1, 2, 0).astype(int) - pillow).max() <= 2


def test_floats_and_bytes_are_resized_alike(colour):
    floats = images_from_pixels(colour / 255.0, 17, "x").astype(int)
    assert np.abs(floats - images_from_pixels(colour, 17, "x")).max() <= 1


def test_overshoot_is_clamped():
    checks = ((np.indices((8, 8)).sum(0) // 2 % 2) * 255).astype(np.uint8)[None]
    images = images_from_pixels(checks, 29, "x")[0, 0].astype(int)
    assert (images.min(), images.max()) == (0, 255)
    assert np.abs(np.diff(images, axis=0)).max() < 128  # what wraps around jumps


def test_the_centre_square_is_cut(colour):
    wide = np.zeros((5, 12, 20, 3), np.uint8)
    wide[:, :, 4:16] = colour
    assert np.array_equal(images_from_pixels(wide, 12, "x"), images_from_pixels(colour, 12, "x"))


def test_pieces_do_not_show(colour, monkeypatch):
    whole = images_from_pixels(colour, 9, "x")
    monkeypatch.setattr(module, "PIECE_IMAGES", 2)
    assert [len(piece) for piece in image_pieces(colour, 9, "x")] == [2, 2, 1]
    assert np.array_equal(images_from_pixels(colour, 9, "x"), whole)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((2, 12), np.uint8), r"\(N,H,W,3\)"),
        (np.zeros((2, 12, 12, 4), np.uint8), r"got \(2, 12, 12, 4\)"),
        (np.zeros((0, 12, 12, 3), np.uint8), "at least one image"),
        (np.zeros((2, 0, 12, 3), np.uint8), "at least one image"),
        (np.zeros((2, 12, 12), np.int32), "got int32"),
        (np.zeros((2, 12, 12), bool), "got bool"),
        (np.full((2, 12, 12), np.nan), "finite floats"),
        (np.full((2, 12, 12), 1.01), "finite floats"),
        (np.full((2, 12, 12), -0.01), "finite floats"),
    ],
)
def test_what_is_no_image_is_refused_under_its_name(pixels, message):
    with pytest.raises(DataError, match=message) as refusal:
        image_pieces(pixels, 6, "some file")
    assert str(refusal.value).startswith("some file: ")
