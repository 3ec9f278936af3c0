from dataclasses import replace

import pytest
import torch

from dpm_flower.attacks.decryptor import Reencrypted, TransformerDecryptor
from dpm_flower.attacks.floor import class_mean_guess
from dpm_flower.attacks.kept_weights import WEIGHTS
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Attack, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from dpm_flower.core.streams import stream
from dpm_flower.methods.mixed_images import MixedImages
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.methods.shuffled_images import ShuffledImages
from dpm_flower.metrics.similarity import windowed_ssim
from dpm_flower.nets.encryption import Shuffling
from dpm_flower.nets.pevit import VitSize
from tests.attacks.views import FEATURES, VICTIMS, scenes, view

OWN = scenes(96, seed=2)
FITTING = Fitting(steps=250, learning_rate=4e-3, batch_size=32, weight_decay=0.0, schedule="warm-cosine")
ATTACK = TransformerDecryptor(size=VitSize(32, 2, 2), fitting=FITTING)
SHORT = TransformerDecryptor(size=VitSize(24, 2, 2), fitting=replace(FITTING, steps=100, batch_size=16, learning_rate=5e-3))
BRIEF = replace(ATTACK, fitting=replace(FITTING, steps=2))
CLEAR = 0.1


def attacker(folder, recipe, attack=ATTACK, owner="attacker"):
    return attack.prepare(view(folder, recipe=recipe, own=OWN), stream(0, owner))


def released(method):
    return SharedImages(method.encryption(VICTIMS.images, stream(0, "victim")), VICTIMS.labels)


@pytest.mark.parametrize(
    ("method", "attack"), [(ShuffledImages(patch=6), SHORT), (MixedImages(patch=6), ATTACK)], ids=["shuffled", "mixed"]
)
def test_it_sees_more_than_the_release_shows_and_than_the_label_tells(tmp_path, method, attack):
    release = released(method)
    guesses = attacker(tmp_path, method, attack).guess(release).images
    floor = class_mean_guess(VICTIMS.labels, OWN).images
    seen, shown, told = (float(windowed_ssim(VICTIMS.images, made).mean()) for made in (guesses, release.images, floor))
    assert seen > max(shown, told) + CLEAR


def test_images_are_encrypted_anew_whenever_they_are_asked_for_from_the_one_stream():
    rows, again = (Reencrypted(OWN.images, Shuffling(patch=6), stream(0)) for _ in range(2))
    every = torch.arange(len(rows))
    first, second = rows[every], rows[every]
    assert not torch.equal(first, second)
    assert torch.equal(again[every], first)
    assert torch.equal(again[every], second)


def test_it_is_trained_once(tmp_path):
    method, release = ShuffledImages(patch=6), released(ShuffledImages(patch=6))
    first = attacker(tmp_path, method, BRIEF).guess(release).images
    written = (tmp_path / WEIGHTS).read_bytes()
    assert torch.equal(attacker(tmp_path, method, replace(BRIEF, fitting=replace(FITTING, steps=1))).guess(release).images, first)
    assert (tmp_path / WEIGHTS).read_bytes() == written


def test_the_same_stream_gives_the_same_guesses_and_another_one_others(tmp_path):
    method = MixedImages(patch=6)
    first, again, other = (
        attacker(tmp_path / folder, method, BRIEF, owner).guess(released(method)).images
        for folder, owner in (("1", "attacker"), ("2", "attacker"), ("3", "another"))
    )
    assert torch.equal(again, first)
    assert not torch.equal(other, first)


def test_without_an_encryption_it_takes_releases_as_everybody_does(tmp_path):
    one = attacker(tmp_path, RawImages(), BRIEF)
    assert torch.equal(one.guess(SharedImages(VICTIMS.images, VICTIMS.labels)).images, VICTIMS.images)
    assert not any(tmp_path.iterdir())
    two = attacker(tmp_path, ShuffledImages(patch=6), BRIEF)
    features = SharedFeatures(FEATURES, VICTIMS.labels)
    assert torch.equal(two.guess(features).images, one.guess(features).images)
    assert isinstance(two.guess(ModelUpdate({}, 1)), NotApplicable)


def test_it_is_an_attack_whose_name_says_what_is_unusual(tmp_path):
    assert isinstance(ATTACK, Attack)
    assert TransformerDecryptor().level is Level.A2
    assert TransformerDecryptor().name == "A2.decryptor"
    assert TransformerDecryptor(auxiliary="public", size=VitSize(32, 2, 2)).name == "A2.decryptor.32x2x2.public"
    assert f'"{TransformerDecryptor(auxiliary="public", size=VitSize(96, 2, 3)).name}"' in TransformerDecryptor.name.__doc__
    assert len({ATTACK.name, BRIEF.name, TransformerDecryptor().name}) == 3
    with pytest.raises(SettingError, match=r"the recipe for A2\.decryptor"):
        TransformerDecryptor().prepare(view(tmp_path), stream(0))
    with pytest.raises(SettingError, match="attacker's own images"):
        ATTACK.prepare(view(tmp_path, recipe=MixedImages(patch=6)), stream(0))
    with pytest.raises(SettingError, match="without patience, got 3"):
        TransformerDecryptor(fitting=replace(FITTING, patience=3))
    with pytest.raises(SettingError, match="auxiliary must be one of"):
        TransformerDecryptor(auxiliary="all")
