import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.boxed import Boxed
from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.core.labelled import as_bytes
from dpm_flower.core.streams import stream
from dpm_flower.data.letterbox import Letterbox
from dpm_flower.metrics.similarity import similarity
from tests.training.cells import SIZE, cells

SMEARS = Letterbox((120, 160), 128)
BLOCK = torch.tensor([[40.0, 20.0, 80.0, 60.0]])


def boxes_in(size, count, seed):
    """Boxes anywhere in an image, some of which touch its border."""
    height, width = size
    ends = torch.rand(count, 2, 2, generator=stream(seed, "boxes")) * torch.tensor([width, height])
    low, high = ends.amin(1), ends.amax(1) + 0.01
    found = torch.cat([low, high], 1).clamp_min(0.0).minimum(torch.tensor([width, height, width, height]).float())
    found[0] = torch.tensor([0.0, 0.0, width, height])
    return found


def test_smears_fill_the_width_of_their_square_and_whole_patches_above_and_below_are_black():
    assert (SMEARS.inner, SMEARS.start) == ((96, 128), (16, 0))
    squares = SMEARS.images(torch.full((2, 3, 120, 160), 255, dtype=torch.uint8))
    assert squares.shape == (2, 3, 128, 128)
    assert bool((squares[:, :, 16:112] == 255).all())
    assert not squares[:, :, :16].any()
    assert not squares[:, :, 112:].any()


@settings(max_examples=40, deadline=None)
@given(st.integers(8, 70), st.integers(8, 70), st.integers(8, 80), st.integers(0, 1000))
def test_boxes_come_back_and_stay_within_what_is_not_black(height, width, side, seed):
    letterbox, own = Letterbox((height, width), side), boxes_in((height, width), 12, seed)
    moved = letterbox.boxes(own)
    (top, left), (inner_height, inner_width) = letterbox.start, letterbox.inner
    assert moved[0].tolist() == [left, top, left + inner_width, top + inner_height]
    assert bool((moved >= moved[0, :2].repeat(2)).all() & (moved <= moved[0, 2:].repeat(2)).all())
    assert torch.allclose(letterbox.boxes_back(moved), own, atol=1e-4, rtol=0)
    assert bool((letterbox.boxes_back(moved) <= torch.tensor([width, height, width, height])).all())


def test_a_box_around_the_whole_image_ends_where_the_image_does_whatever_rounding_does_to_the_ratio():
    whole = torch.tensor([[0.0, 0.0, 11.0, 11.0]])
    assert float(torch.tensor(11.0) * (torch.tensor(13.0) / torch.tensor(11.0))) != 13.0
    assert Letterbox((11, 11), 13).boxes(whole).tolist() == [[0.0, 0.0, 13.0, 13.0]]


def test_a_box_holds_in_the_square_what_it_holds_in_the_image():
    images = torch.zeros(1, 3, 120, 160)
    images[..., 20:60, 40:80] = 1.0
    squares = SMEARS.images(images)
    assert SMEARS.boxes(BLOCK).tolist() == [[32.0, 32.0, 64.0, 64.0]]
    assert float(squares[..., 33:63, 33:63].min()) > 0.99
    inside = torch.zeros(128, 128, dtype=torch.bool)
    inside[31:65, 31:65] = True
    assert float(squares[..., ~inside].max()) < 0.01


def test_what_was_found_beside_the_image_ends_at_its_border():
    found = torch.tensor([[-3.0, 2.0, 40.0, 120.0], [10.0, 0.0, 20.0, 12.0]])
    assert SMEARS.boxes_back(found)[0].tolist() == [0.0, 0.0, 50.0, 120.0]
    assert SMEARS.boxes_back(found)[1].tolist() == [12.5, 0.0, 25.0, 0.0]


def test_images_come_back_as_far_as_their_square_holds_them():
    images = torch.rand(4, 3, 6, 8, generator=stream(0)).repeat_interleave(20, 2).repeat_interleave(20, 3)
    assert float(similarity(images, SMEARS.images_back(SMEARS.images(images))).ssim.mean()) > 0.95
    exact = Letterbox((120, 160), 160)
    assert exact.inner == (120, 160)
    assert torch.equal(exact.images_back(exact.images(images)), images)


def test_bytes_stay_bytes_and_come_to_what_floats_come_to():
    data = cells(2)
    letterbox = Letterbox(SIZE, 32)
    squares = letterbox.boxed(Boxed(as_bytes(data.images), data.boxes, data.labels, data.class_names))
    assert squares.images.dtype == letterbox.images_back(squares.images).dtype == torch.uint8
    assert torch.equal(squares.images, as_bytes(letterbox.images(as_bytes(data.images).float() / 255)))
    assert all(torch.equal(letterbox.boxes(own), moved) for own, moved in zip(data.boxes, squares.boxes, strict=True))
    assert squares.labels == data.labels


def test_images_without_boxes_have_none_in_their_squares():
    assert SMEARS.boxes(torch.zeros(0, 4)).shape == SMEARS.boxes_back(torch.zeros(0, 4)).shape == (0, 4)


def test_what_cannot_be_is_refused():
    for size, side in (((0, 4), 8), ((4, 4), 0)):
        with pytest.raises(SettingError, match="at least 1 pixel"):
            Letterbox(size, side)
    with pytest.raises(ShapeError, match=r"wanted images \(N,C,120,160\)"):
        SMEARS.images(torch.zeros(1, 3, 160, 120))
    with pytest.raises(ShapeError, match=r"wanted images \(N,C,128,128\)"):
        SMEARS.images_back(torch.zeros(1, 3, 120, 160))
