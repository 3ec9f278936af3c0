import pytest
import torch
from scipy.optimize import linear_sum_assignment

from dpm_flower.core.errors import SettingError, ShapeError
from dpm_flower.core.streams import stream
from dpm_flower.nets.patches import check_patch, columns_of, cut, fresh_orders, pasted, rearranged, unordered

IMAGES = torch.rand(3, 2, 12, 12, generator=stream(0))


@pytest.mark.parametrize("patch", [1, 2, 3, 4, 6, 12])
def test_pasting_undoes_cutting(patch):
    patches = cut(IMAGES, patch)
    assert patches.shape == (3, (12 // patch) ** 2, 2, patch, patch)
    assert torch.equal(pasted(patches), IMAGES)


def test_patches_come_in_reading_order():
    patches = cut(IMAGES, 4)
    for place in range(9):
        row, column = divmod(place, 3)
        assert torch.equal(patches[:, place], IMAGES[:, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4])


def test_an_order_says_which_patch_comes_where():
    patches, order = cut(IMAGES, 6), torch.tensor([[3, 0, 1, 2], [0, 1, 2, 3], [1, 0, 3, 2]])
    moved = rearranged(patches, order)
    for image in range(3):
        for place in range(4):
            assert torch.equal(moved[image, place], patches[image, order[image, place]])
    assert torch.equal(rearranged(moved, order.argsort(1)), patches)


def test_orders_are_permutations_of_which_each_image_has_its_own():
    orders = fresh_orders(400, 4, stream(0))
    assert torch.equal(orders.sort(1).values, torch.arange(4).expand(400, 4))
    assert len(orders.unique(dim=0)) == 24
    first = torch.bincount(orders[:, 0], minlength=4) / 400
    assert float((first - 0.25).abs().max()) < 0.08
    assert torch.equal(fresh_orders(400, 4, stream(0)), orders)
    assert fresh_orders(0, 4, stream(0)).shape == (0, 4)


def test_an_image_s_order_tells_nothing_about_the_next_one_s():
    """One random draw of the stream for each image, hashed: more patches in one image do not move the others' orders."""
    one, other = stream(0), stream(0)
    assert torch.equal(fresh_orders(1, 4, one), fresh_orders(1, 4, other))
    fresh_orders(1, 9, one), fresh_orders(1, 4, other)
    assert torch.equal(fresh_orders(2, 4, one), fresh_orders(2, 4, other))


@pytest.mark.parametrize("patch", [5, 24, 0, -4])
def test_patches_that_do_not_fill_the_image_are_refused(patch):
    with pytest.raises(SettingError, match=f"fill a side of 12 pixels exactly, got patches of {patch}"):
        columns_of(12, patch)
    with pytest.raises(SettingError):
        cut(IMAGES, patch)


def test_what_is_no_square_is_refused():
    with pytest.raises(ShapeError, match=r"square images \(B,C,H,W\), got \(3, 2, 12, 6\)"):
        cut(IMAGES[..., :6], 3)
    with pytest.raises(ShapeError, match="fill a square, got 3"):
        pasted(cut(IMAGES, 6)[:, :3])


@pytest.mark.parametrize(("patch", "even"), [(0, False), (-1, False), (0, True), (3, True)])
def test_what_is_no_side_of_a_patch_is_refused(patch, even):
    with pytest.raises(SettingError, match=f"got {patch}"):
        check_patch(patch, even=even)


def test_unordered_patches_are_the_same_in_every_order_and_others_for_other_images():
    shuffled = pasted(rearranged(cut(IMAGES, 3), fresh_orders(3, 16, stream(0))))
    assert not torch.equal(shuffled, IMAGES)
    assert torch.equal(unordered(shuffled, 3), unordered(IMAGES, 3))
    assert not torch.equal(unordered(IMAGES[:1], 3), unordered(IMAGES[1:2], 3))


def test_unordered_patches_are_no_further_apart_than_by_the_best_matching():
    one, other = (cut(images, 3)[0].flatten(1) for images in (IMAGES[:1], IMAGES[1:2]))
    costs = torch.cdist(one, other).square()
    best = float(costs[linear_sum_assignment(costs.numpy())].sum())
    assert 0 < float((unordered(IMAGES[:1], 3) - unordered(IMAGES[1:2], 3)).square().sum()) <= best
