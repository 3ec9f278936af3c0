import numpy as np
import pytest
import torch
from PIL import Image

from dpm_flower.core.errors import DataError
from dpm_flower.data import pixels as module
from dpm_flower.data.pixels import images_from_pixels


@pytest.fixture
def colour():
    return np.random.default_rng(0).integers(0, 256, (5, 12, 12, 3), dtype=np.uint8)


def test_bytes_come_back_exactly(colour):
    images = images_from_pixels(colour, 12, "x")
    assert images.dtype == torch.float32
    assert images.is_contiguous()
    assert np.array_equal((images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy(), colour)
    assert torch.equal(images[0, :, 3, 4], torch.tensor(colour[0, 3, 4]).float() / 255)


def test_floats_are_kept_and_equal_their_bytes(colour):
    for dtype in (np.float32, np.float64, ">f4"):
        floats = (colour / 255.0).astype(dtype)
        assert torch.allclose(images_from_pixels(floats, 12, "x"), images_from_pixels(colour, 12, "x"), atol=1e-7)


def test_grey_becomes_three_equal_channels(colour):
    images = images_from_pixels(colour[..., 0], 12, "x")
    for channel in range(3):
        assert torch.equal(images[:, channel], images_from_pixels(colour, 12, "x")[:, 0])


@pytest.mark.parametrize("side", [5, 31])
def test_resizing_agrees_with_pillow(colour, side):
    pale = 96 + colour // 4  # Pillow cuts overshoot off between its two passes; these pixels have none
    images = images_from_pixels(pale, side, "x")
    for row, picture in zip(images, pale, strict=True):
        pillow = np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))
        # it also rounds there: hence two steps of a byte
        assert np.abs(row.permute(1, 2, 0).numpy() * 255 - pillow).max() <= 2.0


def test_overshoot_is_clamped():
    checks = ((np.indices((8, 8)).sum(0) // 2 % 2) * 255).astype(np.uint8)[None]
    images = images_from_pixels(checks, 29, "x")
    assert images.min() == 0
    assert images.max() == 1


def test_the_centre_square_is_cut(colour):
    wide = np.zeros((5, 12, 20, 3), np.uint8)
    wide[:, :, 4:16] = colour
    assert torch.equal(images_from_pixels(wide, 12, "x"), images_from_pixels(colour, 12, "x"))


def test_pieces_do_not_show(colour, monkeypatch):
    whole = images_from_pixels(colour, 9, "x")
    monkeypatch.setattr(module, "PIECE_IMAGES", 2)
    assert torch.equal(images_from_pixels(colour, 9, "x"), whole)


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
        images_from_pixels(pixels, 6, "some file")
    assert str(refusal.value).startswith("some file: ")
