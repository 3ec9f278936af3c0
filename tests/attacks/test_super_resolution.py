from dataclasses import replace

import pytest
import torch

from dpm_flower.attacks.floor import class_mean_guess
from dpm_flower.attacks.kept_weights import WEIGHTS
from dpm_flower.attacks.super_resolution import SuperResolution
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_bytes
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Attack, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from dpm_flower.core.streams import stream
from dpm_flower.methods.mixed_images import MixedImages
from dpm_flower.methods.shuffled_images import ShuffledImages
from dpm_flower.metrics.similarity import windowed_ssim
from tests.attacks.views import FEATURES, VICTIMS, scenes, view

OWN, METHOD = scenes(96, seed=2), MixedImages(patch=4)
FITTING = Fitting(steps=80, learning_rate=1e-2, batch_size=16, weight_decay=0.0)
ATTACK = SuperResolution(fitting=FITTING)
CLEAR = 0.03
BRIEF = replace(ATTACK, fitting=replace(FITTING, steps=2))
RELEASE = SharedImages(METHOD.encryption(VICTIMS.images, stream(0)), VICTIMS.labels)


def attacker(folder, recipe=METHOD, attack=ATTACK, owner="attacker"):
    return attack.prepare(view(folder, recipe=recipe, own=OWN), stream(0, owner))


def test_it_sees_more_than_the_release_shows_and_than_the_label_tells(tmp_path):
    one = attacker(tmp_path)
    guesses = one.guess(RELEASE).images
    floor = class_mean_guess(VICTIMS.labels, OWN).images
    seen, shown, told = (float(windowed_ssim(VICTIMS.images, made).mean()) for made in (guesses, RELEASE.images, floor))
    assert seen > max(shown, told) + CLEAR
    torch.testing.assert_close(one.guess(SharedImages(as_bytes(RELEASE.images), VICTIMS.labels)).images, guesses, atol=0.1, rtol=0)
    written = (tmp_path / WEIGHTS).read_bytes()
    assert torch.equal(attacker(tmp_path, attack=BRIEF).guess(RELEASE).images, guesses)  # it is trained once
    assert (tmp_path / WEIGHTS).read_bytes() == written


def test_the_same_stream_gives_the_same_guesses_and_another_one_others(tmp_path):
    first, again, other = (
        attacker(tmp_path / folder, attack=BRIEF, owner=owner).guess(RELEASE).images
        for folder, owner in (("1", "attacker"), ("2", "attacker"), ("3", "another"))
    )
    assert torch.equal(again, first)
    assert not torch.equal(other, first)


def test_what_is_not_mixed_it_takes_as_everybody_does(tmp_path):
    one = attacker(tmp_path, ShuffledImages(patch=4), BRIEF)
    assert torch.equal(one.guess(SharedImages(VICTIMS.images, VICTIMS.labels)).images, VICTIMS.images)
    assert not any(tmp_path.iterdir())
    two, features = attacker(tmp_path, attack=BRIEF), SharedFeatures(FEATURES, VICTIMS.labels)
    assert torch.equal(two.guess(features).images, one.guess(features).images)
    assert isinstance(two.guess(ModelUpdate({}, 1)), NotApplicable)


def test_it_is_an_attack_whose_name_says_what_is_unusual(tmp_path):
    assert isinstance(ATTACK, Attack)
    assert SuperResolution().level is Level.A2
    assert SuperResolution().name == "A2.super-resolution"
    assert SuperResolution(auxiliary="public").name == "A2.super-resolution.public"
    assert len({ATTACK.name, BRIEF.name, SuperResolution().name}) == 3
    with pytest.raises(SettingError, match=r"the recipe for A2\.super-resolution"):
        SuperResolution().prepare(view(tmp_path), stream(0))
    with pytest.raises(SettingError, match="attacker's own images"):
        ATTACK.prepare(view(tmp_path, recipe=METHOD), stream(0))
    with pytest.raises(SettingError, match="without patience, got 3"):
        SuperResolution(fitting=replace(FITTING, patience=3))
    with pytest.raises(SettingError, match="auxiliary must be one of"):
        SuperResolution(auxiliary="all")
