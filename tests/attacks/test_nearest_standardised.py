from dataclasses import replace

import pytest
import torch

from dpm_flower.attacks.gallery import gallery_of
from dpm_flower.attacks.nearest_features import NearestFeatures
from dpm_flower.attacks.nearest_standardised import NearestStandardised
from dpm_flower.core.protocols import LinkageAttack, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from dpm_flower.core.streams import stream
from dpm_flower.methods.shuffled_images import ShuffledImages
from tests.attacks.peers import VICTIMS, release
from tests.attacks.views import features, scenes, view

GALLERY = gallery_of(VICTIMS, (scenes(140, seed=4),), stream(0, "gallery"), 200)  # 60 victims, 140 others
RAW = SharedFeatures(features(VICTIMS.images), VICTIMS.labels)


def rank1(folder, attack, batch, **changes):
    return GALLERY.ranked(attack.linker(view(folder, **changes), stream(0)).link(batch, GALLERY.images)).figures["rank1"]


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (3.0, 0.0), (-2.0, 0.0), (1.0, 4.0), (0.1, -1.0)])
def test_whole_channels_that_were_scaled_or_moved_hide_nothing(scale, shift, tmp_path):
    noise = 0.2 * RAW.features.std() * torch.randn(RAW.features.shape, generator=stream(0, "noise"))
    moved = replace(RAW, features=scale * (RAW.features + noise) + shift)
    if scale > 0:
        assert rank1(tmp_path, NearestStandardised(), moved) > 0.9
    else:  # a negative is not the same feature
        assert rank1(tmp_path, NearestStandardised(), moved) < 0.1


def test_distances_alone_are_led_astray_by_that(tmp_path):
    scales, shifts = torch.tensor([0.1, 1.0, 3.0, 20.0]).view(1, 4, 1, 1), torch.tensor([5.0, -1.0, 0.0, 9.0]).view(1, 4, 1, 1)
    moved = replace(RAW, features=scales * RAW.features + shifts)
    assert rank1(tmp_path, NearestFeatures(), moved) < 0.5
    assert rank1(tmp_path, NearestStandardised(), moved) > 0.9


def test_features_of_other_images_lead_to_none(tmp_path):
    assert rank1(tmp_path, NearestStandardised(), replace(RAW, features=RAW.features.roll(1, 0))) == 0


def test_released_images_are_compared_as_by_nearest_features(tmp_path):
    recipe = ShuffledImages(patch=2)
    for batch, changes in ((SharedImages(VICTIMS.images, VICTIMS.labels), {}), (release(recipe), {"recipe": recipe})):
        found = [
            attack.linker(view(tmp_path, **changes), stream(0)).link(batch, GALLERY.images)
            for attack in (NearestFeatures(), NearestStandardised())
        ]
        assert torch.equal(*found)


def test_it_draws_nothing_and_gives_the_same_scores_under_every_stream(tmp_path):
    one, other = (NearestStandardised().linker(view(tmp_path), stream(0, owner)).link(RAW, GALLERY.images) for owner in ("one", "another"))
    assert torch.equal(one, other)


def test_a_model_update_is_another_attack_s_business(tmp_path):
    answer = NearestStandardised().linker(view(tmp_path), stream(0)).link(ModelUpdate({}, 3), GALLERY.images)
    assert isinstance(answer, NotApplicable)
    assert isinstance(NearestStandardised(), LinkageAttack)
