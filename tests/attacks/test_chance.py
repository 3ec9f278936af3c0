import pytest
import torch

from dpm_flower.attacks.chance import exchanged
from dpm_flower.core.errors import ShapeError
from dpm_flower.core.protocols import Guess

LABELS = torch.tensor([1, 0, 1, 2, 0, 1])
GUESS = Guess(torch.arange(6.0).view(6, 1, 1, 1).expand(6, 3, 2, 2))


def test_every_image_has_the_guess_of_the_next_one_of_its_label():
    found, others = exchanged(GUESS, LABELS)
    assert found.images[:, 0, 0, 0].tolist() == [2, 4, 5, 3, 1, 0]
    assert others.tolist() == [0, 1, 2, 4, 5]  # the only image of its label has its own guess


def test_no_guess_is_lost_and_none_stays_where_its_label_has_another():
    found = exchanged(GUESS, LABELS)[0].images[:, 0, 0, 0].long()
    assert sorted(found.tolist()) == list(range(6))
    assert torch.equal(LABELS[found], LABELS)
    assert [place for place, which in enumerate(found.tolist()) if place == which] == [3]


def test_other_numbers_of_labels_are_refused():
    with pytest.raises(ShapeError, match=r"a label for each of 6 guesses, got \(5,\)"):
        exchanged(GUESS, LABELS[:5])
