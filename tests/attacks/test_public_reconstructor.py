from dataclasses import fields

import torch

from dpm_flower.attacks.public_reconstructor import PublicReconstructor
from dpm_flower.attacks.scoring import disclosure
from dpm_flower.core.protocols import AttackerView, Guess, Level, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from dpm_flower.core.streams import stream
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.training.prediction import apply
from tests.training.toys import CPU, pictures, telling_nets

PUBLIC, VICTIMS = pictures(36), pictures(15, seed=1)


NETS = telling_nets()
FEATURES = apply(NETS.featurizer, VICTIMS.images, CPU)


def attacked(release):
    view = AttackerView(release, NETS, PUBLIC, RawFeatures(), CPU)
    return PublicReconstructor().run(view, stream(0, "attacker"))


def test_raw_features_tell_more_than_noise_and_more_than_features_of_other_images():
    told = disclosure(VICTIMS.images, attacked(SharedFeatures(FEATURES, VICTIMS.labels)))
    noise = torch.rand(FEATURES.shape, generator=stream(0, "noise")) * 2 * FEATURES.mean()
    for features in (noise, FEATURES.roll(1, 0)):
        untold = disclosure(VICTIMS.images, attacked(SharedFeatures(features, VICTIMS.labels)))
        assert told.mean > untold.mean + 0.05
        assert told.p95 > untold.p95


def test_the_guess_is_what_the_public_reconstructor_makes_of_the_release():
    guess = attacked(SharedFeatures(FEATURES, VICTIMS.labels))
    assert isinstance(guess, Guess)
    torch.testing.assert_close(guess.images, NETS.reconstructor(FEATURES).clamp(0, 1))
    assert guess.images.shape == VICTIMS.images.shape


def test_released_images_are_their_own_guess():
    guess = attacked(SharedImages(VICTIMS.images, VICTIMS.labels))
    assert torch.equal(guess.images, VICTIMS.images)


def test_a_model_update_is_another_attacks_business():
    result = attacked(ModelUpdate({}, 3))
    assert isinstance(result, NotApplicable)
    assert "model update" in result.reason


def test_it_is_the_weakest_level():
    assert PublicReconstructor().level is Level.A0 is next(iter(Level))


def test_the_view_holds_a_release_and_what_is_public_and_nothing_else():
    """A field for the victims' images or for a sharer, which holds the secret module, would make every score a lie."""
    assert {field.name: field.type for field in fields(AttackerView)} == {
        "release": SharedFeatures | SharedImages | ModelUpdate,
        "net": AttackerView.__annotations__["net"],
        "public": type(PUBLIC),
        "recipe": AttackerView.__annotations__["recipe"],
        "compute": type(CPU),
    }
    assert AttackerView.__annotations__["net"].__name__ == "SplitNet"
    assert AttackerView.__annotations__["recipe"].__name__ == "SharingMethod"
