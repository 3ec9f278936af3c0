import torch

from dpm_flower.attacks.nearest_released import nearest_released
from dpm_flower.core.protocols import Guess

OWN = torch.stack([torch.full((3, 4, 4), value) for value in (0.1, 0.5, 0.9)])


def test_each_own_image_is_judged_by_the_guess_nearest_to_it_whatever_their_order_and_number():
    guesses = torch.stack([torch.full((3, 4, 4), value) for value in (0.85, 0.3, 0.05, 0.45)])
    found = nearest_released(OWN, Guess(guesses)).images
    assert found[:, 0, 0, 0].tolist() == [guesses[place, 0, 0, 0].item() for place in (2, 3, 0)]


def test_a_copy_at_another_place_is_found():
    assert torch.equal(nearest_released(OWN, Guess(OWN.flip(0))).images, OWN)
