import pytest
import torch

from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import as_bytes, as_floats
from dpm_flower.core.streams import stream
from dpm_flower.nets.encryption import Mixing, Shuffling, enlarged, mixed, reduced
from dpm_flower.nets.patches import cut, fresh_orders, pasted, rearranged

IMAGES = torch.rand(5, 3, 16, 16, generator=stream(0))
OTHERS = torch.rand(5, 3, 16, 16, generator=stream(1))


def sorted_patches(images, patch):
    """Each image's patches in an order of their own."""
    return [sorted(one.flatten(1).tolist()) for one in cut(images, patch)]


@pytest.mark.parametrize("patch", [2, 4, 8])
def test_shuffling_keeps_the_patches_and_not_their_places(patch):
    shuffled = Shuffling(patch=patch)(IMAGES, stream(0, "rs"))
    assert sorted_patches(shuffled, patch) == sorted_patches(IMAGES, patch)
    assert not torch.equal(shuffled, IMAGES)


def test_who_knows_the_orders_has_the_images_back():
    shuffled = Shuffling(patch=4)(IMAGES, stream(0, "rs"))
    orders = fresh_orders(5, 16, stream(0, "rs"))
    assert torch.equal(pasted(rearranged(cut(shuffled, 4), orders.argsort(1))), IMAGES)


def test_every_call_and_every_image_has_a_fresh_order():
    same, rng = IMAGES[:1].expand(4, -1, -1, -1), stream(0)
    drawn = torch.cat([Shuffling(patch=4)(same, rng), Shuffling(patch=4)(same, rng)])
    assert len(drawn.flatten(1).unique(dim=0)) == 8


def test_bytes_stay_bytes_where_nothing_is_computed():
    shuffled = Shuffling(patch=4)(as_bytes(IMAGES), stream(0))
    assert shuffled.dtype == torch.uint8
    assert torch.equal(shuffled, as_bytes(Shuffling(patch=4)(as_floats(as_bytes(IMAGES)), stream(0))))


@pytest.mark.parametrize("patch", [2, 4, 8, 16])
def test_mixing_is_the_mean_of_the_quarters_in_place(patch):
    found, half = mixed(IMAGES, patch), patch // 2
    assert found.shape == (5, 3, 8, 8)
    for row in range(16 // patch):
        for column in range(16 // patch):
            whole = IMAGES[:, :, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch]
            quarters = [whole[:, :, down : down + half, across : across + half] for down in (0, half) for across in (0, half)]
            wanted = torch.stack(quarters).mean(0)
            torch.testing.assert_close(found[:, :, row * half : (row + 1) * half, column * half : (column + 1) * half], wanted)


def test_mixing_is_linear_and_keeps_each_patch_s_mean():
    torch.testing.assert_close(mixed(0.3 * IMAGES + 0.7 * OTHERS, 8), 0.3 * mixed(IMAGES, 8) + 0.7 * mixed(OTHERS, 8))
    torch.testing.assert_close(cut(mixed(IMAGES, 8), 4).mean((3, 4)), cut(IMAGES, 8).mean((3, 4)))


def test_different_images_can_be_mixed_to_the_same_so_that_nobody_turns_it_back():
    changed = IMAGES.clone()
    changed[:, :, :4], changed[:, :, 4:8] = IMAGES[:, :, 4:8], IMAGES[:, :, :4]  # the upper quarters of the first patches and the lower
    assert not torch.equal(changed, IMAGES)
    torch.testing.assert_close(mixed(changed, 8), mixed(IMAGES, 8))


def test_a_mixed_image_is_released_at_full_size_and_reduced_exactly():
    released = Mixing(patch=8)(IMAGES, stream(0))
    assert released.shape == IMAGES.shape
    assert torch.equal(reduced(released), mixed(IMAGES, 8))
    assert torch.equal(enlarged(reduced(released)), released)
    assert torch.equal(as_bytes(released), Mixing(patch=8)(IMAGES, stream(1)).mul(255).round().to(torch.uint8))  # nothing is drawn
    torch.testing.assert_close(Mixing(patch=8)(as_bytes(IMAGES), stream(0)), released, atol=0.5 / 255 + 1e-6, rtol=0)


def test_what_cannot_be_cut_so_is_refused():
    with pytest.raises(SettingError, match="even number of pixels, got 3"):
        Mixing(patch=3)
    with pytest.raises(SettingError, match="got 0"):
        Shuffling(patch=0)
    for encryption in (Mixing(patch=6), Shuffling(patch=5)):
        with pytest.raises(SettingError, match="fill a side of 16 pixels exactly"):
            encryption(IMAGES, stream(0))
