import torch

from dpm_flower.core.streams import stream
from dpm_flower.training.turning import WAYS, all_ways, lain, turned

CORNER = torch.zeros(1, 1, 5, 5)
CORNER[..., 0, 1] = 1.0  # lies at another place in each of the eight ways


def test_a_square_lies_in_eight_ways_and_no_more():
    found = all_ways(CORNER)
    assert len({tuple(map(tuple, picture.nonzero().tolist())) for picture in found}) == WAYS == len(found)
    assert torch.equal(lain(CORNER, 0), CORNER)
    again = {tuple(map(tuple, lain(lain(CORNER, one), two).nonzero().tolist())) for one in range(WAYS) for two in range(WAYS)}
    assert len(again) == WAYS


def test_pictures_are_turned_at_random_and_their_masks_with_them():
    pictures, rng = CORNER.expand(64, 3, -1, -1).clone(), stream(0, "turning")
    masks = pictures[:, :1].to(torch.uint8)
    before = pictures.clone()
    laid, laid_masks = turned([pictures, masks], rng)
    assert torch.equal(laid[:, :1].to(torch.uint8), laid_masks)
    assert torch.equal(pictures, before)
    assert len({tuple(one.nonzero()[0].tolist()) for one in laid}) == WAYS
    assert torch.equal(turned([pictures], stream(0, "turning"))[0], laid)
