from dataclasses import fields

import torch

from dpm_flower.attacks.public_reconstructor import PublicReconstructor
from dpm_flower.attacks.scoring import disclosure
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Attack, AttackerView
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.core.streams import stream
from tests.attacks.views import FEATURES, NETS, VICTIMS, view
from tests.training.toys import CPU


def attacked(features, folder):
    return PublicReconstructor().prepare(view(folder), stream(0, "attacker")).guess(SharedFeatures(features, VICTIMS.labels))


def test_raw_features_tell_more_than_noise_and_more_than_features_of_other_images(tmp_path):
    told = disclosure(VICTIMS.images, attacked(FEATURES, tmp_path), NETS.featurizer, CPU).figures("z")
    noise = torch.rand(FEATURES.shape, generator=stream(0, "noise")) * 2 * FEATURES.mean()
    for features in (noise, FEATURES.roll(1, 0)):
        untold = disclosure(VICTIMS.images, attacked(features, tmp_path), NETS.featurizer, CPU).figures("z")
        assert told["ssim_z"] > untold["ssim_z"] + 0.05
        assert told["windowed_ssim_z"] > untold["windowed_ssim_z"] + 0.05
        assert told["edge_z"] > untold["edge_z"] + 0.05
        assert told["perceptual_z"] > untold["perceptual_z"] + 0.01
        assert told["psnr_z"] > untold["psnr_z"]
        assert told["l1_z"] < untold["l1_z"]


def test_it_draws_nothing_and_gives_the_same_guesses_under_every_stream(tmp_path):
    one, other = (
        PublicReconstructor().prepare(view(tmp_path), stream(0, owner)).guess(SharedFeatures(FEATURES, VICTIMS.labels)).images
        for owner in ("attacker", "another")
    )
    assert torch.equal(one, other)


def test_it_is_the_weakest_level_and_trains_nothing(tmp_path):
    attack = PublicReconstructor()
    assert isinstance(attack, Attack)
    assert attack.level is Level.A0 is next(iter(Level))
    attack.prepare(view(tmp_path), stream(0, "attacker"))
    assert list(tmp_path.iterdir()) == []


def test_who_only_looks_knows_no_recipe():
    assert [level for level in Level if not level.knows_recipe] == [Level.A0, Level.A1, Level.A5, Level.A6, Level.U1, Level.U2]


def test_the_view_has_a_place_for_what_levels_know_and_for_nothing_else():
    """A field for the victims' images or for a sharer, which holds the secret module, would make every score a lie."""
    known_to_all = ["net", "public", "features", "recipe", "folder", "compute", "report"]
    assert [field.name for field in fields(AttackerView)] == [*known_to_all, "own", "leaked", "oracle", "prepared"]
    assert AttackerView.__annotations__["net"].__name__ == "SplitNet"
    assert AttackerView.__annotations__["recipe"].__args__[0].__name__ == "SharingMethod"
