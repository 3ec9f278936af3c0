from dataclasses import replace

import pytest
import torch

from dpm_flower.attacks.aligned import ALIGNING, Aligned, near_identity
from dpm_flower.attacks.inverse import USUAL
from dpm_flower.attacks.kept_weights import CHECKPOINT, WEIGHTS
from dpm_flower.attacks.public_reconstructor import PublicReconstructor
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Attack, Guess, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedImages
from dpm_flower.core.streams import global_generator_from, stream
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.metrics.similarity import windowed_ssim
from dpm_flower.training.prediction import apply
from tests.attacks.peers import (
    CLEAR,
    OWN,
    POISONED,
    SCORED,
    UNHIDDEN,
    VICTIMS,
    assert_sees,
    assert_sees_half,
    floor,
    guesses,
    prepared,
    release,
    score,
    some,
)
from tests.attacks.test_shadow import INVERSE
from tests.attacks.views import PUBLIC, features
from tests.regime.reachable import shares_with, tensors_from
from tests.training.toys import CPU

ATTACK = Aligned(aligning=Fitting(steps=100, learning_rate=5e-3, batch_size=32, weight_decay=0.0), inverse=INVERSE)
FEW = Fitting(steps=6, learning_rate=1e-3, batch_size=16, weight_decay=0.0)
BRIEF = Aligned(aligning=FEW, inverse=replace(INVERSE, fitting=FEW))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where what the attack has learnt of each release stays between tests."""
    return tmp_path_factory.mktemp("aligned")


def test_on_raw_features_it_sees_what_can_be_seen(folder):
    assert_sees(folder, ATTACK, RawFeatures())
    assert score(folder, ATTACK, RawFeatures()) > 0.9 * score(folder, PublicReconstructor(), RawFeatures())


def test_on_features_of_other_images_it_sees_nothing(folder):
    shuffled = some(release(RawFeatures()), slice(SCORED))
    shuffled = replace(shuffled, features=shuffled.features.roll(1, 0))
    guess = prepared(folder, ATTACK, RawFeatures()).guess(shuffled)
    assert float(windowed_ssim(VICTIMS.images[:SCORED], guess.images).mean()) < floor()


def test_on_a_module_that_hides_nothing_it_sees_half_of_what_the_module_s_own_inverse_sees(folder):
    assert_sees(folder, ATTACK, UNHIDDEN)
    assert_sees_half(folder, ATTACK, UNHIDDEN, INVERSE)


def test_it_sees_through_a_poisoned_release_and_it_is_the_alignment_that_does_it(folder):
    told = score(folder, ATTACK, POISONED)
    unaligned = replace(ATTACK, aligning=replace(ATTACK.aligning, steps=1, learning_rate=1e-9))
    assert told > floor() + CLEAR / 2 > score(folder, PublicReconstructor(), POISONED) + CLEAR
    assert told > score(folder / "unaligned", unaligned, POISONED) + CLEAR / 2


def test_it_knows_neither_the_recipe_nor_the_victim_s_images_nor_its_module(tmp_path):
    attacker = prepared(tmp_path, BRIEF, UNHIDDEN)
    assert (attacker.view.recipe, attacker.view.leaked, attacker.view.oracle) == (None, None, None)
    assert [tensor.shape for tensor in tensors_from(attacker) if shares_with(tensor, [VICTIMS.images, release(UNHIDDEN).features])] == []


def test_its_substitute_gives_back_features_as_they_are_before_it_has_learnt():
    for non_negative, given in ((True, features(PUBLIC.images)), (False, features(PUBLIC.images) - 1)):
        with global_generator_from(stream(0)):
            substitute = near_identity(4, 2, non_negative)
        assert torch.equal(apply(substitute, given, CPU), given)
        assert any(parameter.requires_grad for parameter in substitute.parameters())


@pytest.mark.parametrize(("auxiliary", "wanted"), [("public", [PUBLIC]), ("public+own", [PUBLIC, OWN]), ("own", [OWN])])
def test_it_learns_from_auxiliary_images_alone(auxiliary, wanted, tmp_path):
    asked = []

    def noted(images):
        asked.append(images)
        return features(images)

    guesses(tmp_path, replace(BRIEF, auxiliary=auxiliary), UNHIDDEN, features=noted)
    assert {id(images) for images in asked} == {id(each.images) for each in wanted}


def test_it_is_trained_once_for_each_release_and_the_stream_alone_decides_what_it_draws(tmp_path):
    steps = []

    def found(place, method, owner="attacker"):
        attacker = BRIEF.prepare(prepared(tmp_path / place, BRIEF, method, report=steps.append).view, stream(0, owner))
        return attacker.guess(release(method)).images

    first, again = found("1", UNHIDDEN), found("1", UNHIDDEN)
    assert torch.equal(first, again)
    assert [progress.step for progress in steps].count(FEW.steps) == 2  # the substitute and its inverse
    other = found("1", POISONED)
    assert len(list(tmp_path.rglob(WEIGHTS))) == 4
    assert torch.equal(found("2", POISONED), other)  # whatever else was released before
    assert not torch.equal(found("3", UNHIDDEN, "another"), first)
    assert {progress.work for progress in steps} == {BRIEF.name}


def test_a_release_with_other_labels_is_another_one(tmp_path):
    batch = release(UNHIDDEN)
    attacker = prepared(tmp_path, BRIEF, UNHIDDEN)
    found = [attacker.guess(each).images for each in (batch, replace(batch, labels=batch.labels.roll(1, 0)))]
    assert not torch.equal(*found)


@pytest.mark.parametrize("at", [(0, 3), (1, 3)], ids=["substitute", "inverse"])
def test_one_that_was_interrupted_goes_on_to_the_same_weights(at, tmp_path):
    reported = []

    def interrupting(progress):
        reported.append(progress.step)
        if (reported.count(1) - 1, progress.step) >= at:
            raise InterruptedError

    attack = replace(BRIEF, aligning=replace(FEW, steps=21), inverse=replace(INVERSE, fitting=replace(FEW, steps=22)))
    with pytest.raises(InterruptedError):
        guesses(tmp_path / "1", attack, UNHIDDEN, report=interrupting)
    assert len(list(tmp_path.rglob(CHECKPOINT))) == 1
    assert torch.equal(guesses(tmp_path / "1", attack, UNHIDDEN), guesses(tmp_path / "2", attack, UNHIDDEN))


def test_a_class_that_it_has_images_of_need_not_be_released(tmp_path):
    one_class = some(release(UNHIDDEN), VICTIMS.labels == 1)
    assert prepared(tmp_path, BRIEF, UNHIDDEN).guess(one_class).images.shape == (20, 3, 12, 12)


def test_images_are_their_own_guess_and_a_model_update_is_another_attack_s_business(tmp_path):
    attacker = prepared(tmp_path, BRIEF, UNHIDDEN)
    guess = attacker.guess(SharedImages(VICTIMS.images, VICTIMS.labels))
    assert isinstance(guess, Guess)
    assert torch.equal(guess.images, VICTIMS.images)
    result = attacker.guess(ModelUpdate({}, 3))
    assert isinstance(result, NotApplicable)
    assert "model update" in result.reason
    assert list(tmp_path.rglob(WEIGHTS)) == []


def test_what_it_needs_and_does_not_have_is_refused(tmp_path):
    with pytest.raises(SettingError, match="wanted a view with the attacker's own images"):
        prepared(tmp_path, BRIEF, UNHIDDEN, own=None)


@pytest.mark.parametrize(
    ("knobs", "reason"),
    [
        ({"auxiliary": "mine"}, "own, got 'mine'"),
        ({"blocks": 0}, "at least 1, got 0"),
        ({"aligning": replace(ALIGNING, patience=3)}, "without patience, got 3"),
    ],
)
def test_knobs_that_cannot_work_are_refused_at_birth(knobs, reason):
    with pytest.raises(SettingError, match=reason):
        Aligned(**knobs)


def test_it_is_an_attack_that_says_in_its_name_what_is_not_usual():
    assert isinstance(ATTACK, Attack)
    assert ATTACK.level is Level.A5
    aligned = replace(ALIGNING, steps=50)
    assert [Aligned().name, Aligned(auxiliary="public").name] == ["A5", "A5.public"]
    longer = replace(USUAL, blocks=1, fitting=replace(USUAL.fitting, steps=3))
    assert Aligned(blocks=1, aligning=aligned, inverse=longer).name == "A5.plain-1-x2.s3.1-blocks.aligned-s50"
    assert hash(Aligned()) == hash(Aligned())
