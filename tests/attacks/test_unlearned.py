import pytest
import torch

from dpm_flower.attacks.unlearned import Unlearned
from dpm_flower.core.labelled import as_bytes
from dpm_flower.core.protocols import Guess, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from tests.attacks.views import FEATURES, VICTIMS

UNLEARNED = Unlearned("nothing is shared")


def test_released_images_are_their_own_guess_as_floats():
    stored = as_bytes(VICTIMS.images)
    guess = UNLEARNED.guess(SharedImages(stored, VICTIMS.labels))
    assert isinstance(guess, Guess)
    torch.testing.assert_close(guess.images, stored / 255)


@pytest.mark.parametrize("batch", [SharedFeatures(FEATURES, VICTIMS.labels), ModelUpdate({}, 3)])
def test_about_anything_else_it_says_why_it_has_nothing_to_say(batch):
    assert UNLEARNED.guess(batch) == NotApplicable("nothing is shared")
