import copy
from dataclasses import replace

import torch

from dpm_flower.attacks.feature_inversion import FeatureInverter
from dpm_flower.core.labelled import as_bytes
from dpm_flower.core.protocols import Guess, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from tests.attacks.views import FEATURES, NETS, VICTIMS
from tests.training.toys import CPU

INVERTER = FeatureInverter(NETS.reconstructor, CPU)


def test_the_guess_is_what_the_inverse_makes_of_the_features():
    guess = INVERTER.guess(SharedFeatures(FEATURES, VICTIMS.labels))
    assert isinstance(guess, Guess)
    torch.testing.assert_close(guess.images, NETS.reconstructor(FEATURES))
    assert guess.images.shape == VICTIMS.images.shape


def test_guesses_are_images_even_where_the_inverse_knows_no_bounds():
    wild = copy.deepcopy(NETS.reconstructor)
    wild.register_forward_hook(lambda module, inputs, images: 4 * images - 1)
    images = replace(INVERTER, inverse=wild).guess(SharedFeatures(FEATURES, VICTIMS.labels)).images
    assert (float(images.min()), float(images.max())) == (0, 1)


def test_released_images_are_their_own_guess_as_floats():
    assert torch.equal(INVERTER.guess(SharedImages(VICTIMS.images, VICTIMS.labels)).images, VICTIMS.images)
    as_shared = as_bytes(VICTIMS.images)
    guess = INVERTER.guess(SharedImages(as_shared, VICTIMS.labels)).images
    torch.testing.assert_close(guess, as_shared / 255)


def test_a_model_update_is_another_attacks_business():
    result = INVERTER.guess(ModelUpdate({}, 3))
    assert isinstance(result, NotApplicable)
    assert "model update" in result.reason
