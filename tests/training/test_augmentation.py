import pytest
import torch

from dpm_flower.core.streams import stream
from dpm_flower.training.augmentation import augmented

IMAGES = torch.rand(40, 3, 16, 16, generator=torch.Generator().manual_seed(0))
PAD = 2  # an eighth of the side


def slow_variants(image, flip):
    """Every image that the augmentation may make of one, pixel by pixel, by (rows, columns, mirrored)."""
    last = image.shape[-1] - 1
    made = {}
    for down in range(-PAD, PAD + 1):
        for right in range(-PAD, PAD + 1):
            rows = [min(max(row + down, 0), last) for row in range(16)]
            columns = [min(max(column + right, 0), last) for column in range(16)]
            made[down, right, False] = image[:, rows][:, :, columns]
            if flip:
                made[down, right, True] = made[down, right, False].flip(2)
    return made


@pytest.mark.parametrize("kind", ["shift", "shift-flip"])
def test_every_image_is_one_of_its_own_shifts_and_mirrors(kind):
    result = augmented(IMAGES, kind, stream(0, "a"))
    assert result.shape == IMAGES.shape
    seen = set()
    for image, made in zip(IMAGES, result, strict=True):
        moves = [move for move, variant in slow_variants(image, kind == "shift-flip").items() if torch.equal(variant, made)]
        assert len(moves) == 1
        seen.add(moves[0])
    assert {down for down, _, _ in seen} == {right for _, right, _ in seen} == set(range(-PAD, PAD + 1))
    assert any(down != right for down, right, _ in seen)
    assert {mirrored for _, _, mirrored in seen} == ({False, True} if kind == "shift-flip" else {False})


def test_none_is_the_identity_and_draws_nothing():
    rng = stream(0, "a")
    before = rng.get_state()
    assert augmented(IMAGES, "none", rng) is IMAGES
    assert torch.equal(rng.get_state(), before)


def test_the_same_stream_gives_the_same_images_and_another_one_others():
    first = augmented(IMAGES, "shift-flip", stream(0, "a"))
    assert torch.equal(augmented(IMAGES, "shift-flip", stream(0, "a")), first)
    assert not torch.equal(augmented(IMAGES, "shift-flip", stream(0, "b")), first)


def test_the_images_themselves_stay_as_they_are():
    before = IMAGES.clone()
    augmented(IMAGES, "shift-flip", stream(0, "a"))
    assert torch.equal(IMAGES, before)


def test_pictures_that_are_not_square_keep_their_shape():
    assert augmented(IMAGES[:, :, :, :9], "shift-flip", stream(0, "a")).shape == (40, 3, 16, 9)


def test_bytes_are_moved_as_floats_are():
    as_bytes = (IMAGES * 255).to(torch.uint8)
    moved = augmented(as_bytes, "shift-flip", stream(0, "a"))
    assert moved.dtype == torch.uint8
    assert torch.equal(moved.float(), augmented(as_bytes.float(), "shift-flip", stream(0, "a")))
