from dataclasses import dataclass, replace

import pytest
import torch

from dpm_flower.attacks.black_box import BlackBoxInversion
from dpm_flower.attacks.public_reconstructor import PublicReconstructor
from dpm_flower.core.errors import ReleaseError, SettingError
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Attack, Guess, NotApplicable, unlearnt
from dpm_flower.core.shared import ModelUpdate, SharedImages
from dpm_flower.core.streams import stream
from dpm_flower.methods.raw_features import RawFeatures
from tests.attacks.peers import CLEAR, OWN, POISONED, VICTIMS, assert_sees, guesses, prepared, release, score, sharer, view_of
from tests.attacks.test_shadow import BRIEF as SHADOW
from tests.attacks.test_shadow import INVERSE
from tests.attacks.views import PUBLIC

ATTACK = BlackBoxInversion(inverse=INVERSE)
BRIEF = BlackBoxInversion(inverse=SHADOW.inverse)


def test_on_raw_features_it_sees_what_can_be_seen(tmp_path):
    assert score(tmp_path, ATTACK, RawFeatures()) > 0.9 * score(tmp_path, PublicReconstructor(), RawFeatures())


def test_on_a_poisoned_release_it_sees_more_than_the_reconstructor_that_the_module_was_trained_against(tmp_path):
    assert_sees(tmp_path, ATTACK, POISONED)
    assert score(tmp_path, ATTACK, POISONED) > score(tmp_path, PublicReconstructor(), POISONED) + 2 * CLEAR


@pytest.mark.parametrize(("auxiliary", "wanted"), [("public", [PUBLIC]), ("public+own", [PUBLIC, OWN]), ("own", [OWN])])
def test_the_oracle_is_asked_about_auxiliary_images_until_it_repeats_itself_and_about_nothing_else(auxiliary, wanted, tmp_path):
    asked = []

    def oracle(images, labels):
        asked.append(images)
        assert int(labels.max()) < OWN.classes
        return sharer(RawFeatures()).share(images, labels)

    attack = replace(BRIEF, auxiliary=auxiliary)
    found = [guesses(tmp_path, attack, RawFeatures(), oracle=oracle) for _ in range(2)]
    assert all(images is each.images for images, each in zip(asked, wanted * 2, strict=True))
    assert torch.equal(*found)
    assert torch.equal(found[0], guesses(tmp_path / "elsewhere", attack, RawFeatures()))


def test_the_same_stream_gives_the_same_guesses_and_another_one_others(tmp_path):
    first, again, other = (
        BRIEF.prepare(view_of(tmp_path / folder, Level.A4, POISONED), stream(0, owner)).guess(release(POISONED)).images
        for folder, owner in (("1", "attacker"), ("2", "attacker"), ("3", "another"))
    )
    assert torch.equal(again, first)
    assert not torch.equal(other, first)


def test_an_oracle_that_shares_images_teaches_nothing_and_needs_to_teach_nothing(tmp_path):
    attacker = prepared(tmp_path, BRIEF, RawFeatures(), oracle=SharedImages)
    guess = attacker.guess(SharedImages(VICTIMS.images, VICTIMS.labels))
    assert isinstance(guess, Guess)
    assert torch.equal(guess.images, VICTIMS.images)


@dataclass(frozen=True)
class MadeUp(RawFeatures):
    unpaired: bool = True


def test_of_releases_that_are_made_up_nothing_is_asked(tmp_path):
    """A generator behind its gate would draw for all auxiliary labels, and may refuse to let that out."""

    def oracle(images, labels):
        raise ReleaseError("too many are memorised")

    attacker = prepared(tmp_path, BRIEF, RawFeatures(), oracle=oracle, recipe=MadeUp())
    shadow = prepared(tmp_path / "shadow", SHADOW, RawFeatures(), recipe=MadeUp())
    for batch in (SharedImages(VICTIMS.images, VICTIMS.labels), release(RawFeatures())):
        assert torch.equal(attacker.guess(batch).images, shadow.guess(batch).images)
    assert "made up" in unlearnt(attacker) == unlearnt(shadow)
    assert unlearnt(prepared(tmp_path / "paired", BRIEF, RawFeatures())) == ""


@pytest.mark.parametrize("oracle", [sharer(RawFeatures()).share, lambda images, labels: ModelUpdate({}, 3)])
def test_a_model_update_is_another_attack_s_business(oracle, tmp_path):
    result = prepared(tmp_path, BRIEF, RawFeatures(), oracle=oracle).guess(ModelUpdate({}, 3))
    assert isinstance(result, NotApplicable)
    assert "model update" in result.reason


def test_what_it_needs_and_does_not_have_is_refused(tmp_path):
    with pytest.raises(SettingError, match="wanted a view with an oracle for A4"):
        prepared(tmp_path, BRIEF, RawFeatures(), oracle=None)
    with pytest.raises(SettingError, match="auxiliary must be one of"):
        BlackBoxInversion(auxiliary="mine")


def test_it_is_an_attack_that_says_in_its_name_what_is_weaker():
    assert isinstance(ATTACK, Attack)
    assert ATTACK.level is Level.A4
    assert [BlackBoxInversion().name, BlackBoxInversion(auxiliary="public").name, BRIEF.name] == ["A4", "A4.public", "A4.plain-1-x2.s3"]
