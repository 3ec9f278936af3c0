from dataclasses import replace

import pytest
import torch

from dpm_flower.attacks.kept_weights import WEIGHTS
from dpm_flower.attacks.leaked_pairs import TUNING, LeakedPairs
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Attack, Guess, LeakAttack, Leaked, NotApplicable
from dpm_flower.core.shared import ModelUpdate, SharedImages
from dpm_flower.core.streams import stream
from dpm_flower.methods.drawn_features import DrawnFeatures
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.raw_images import RawImages
from tests.attacks.peers import (
    CLEAR,
    POISONED,
    SCORED,
    UNHIDDEN,
    VICTIMS,
    assert_sees,
    assert_sees_half,
    guesses,
    prepared,
    release,
    score,
    some,
    view_of,
)
from tests.attacks.test_shadow import BRIEF as SHADOW
from tests.attacks.test_shadow import INVERSE

ATTACK = LeakedPairs(pairs=20, shadow=SHADOW, fitting=Fitting(steps=150, learning_rate=0.03, batch_size=10, weight_decay=0.0))
BRIEF = replace(ATTACK, fitting=replace(TUNING, steps=3))


@pytest.mark.parametrize("method", [RawFeatures(), UNHIDDEN], ids=lambda method: method.name)
def test_where_nothing_is_hidden_it_sees_half_of_what_the_module_s_own_inverse_sees(method, tmp_path):
    """By what has leaked: the shadow attack that it tunes has hardly learnt here."""
    assert_sees(tmp_path, ATTACK, method)
    assert_sees_half(tmp_path, ATTACK, method, INVERSE)


def test_leaked_pairs_tell_about_victims_that_have_not_leaked(tmp_path):
    """And only true ones: images with what was released for others teach nothing."""
    told = score(tmp_path, ATTACK, POISONED)
    assert_sees(tmp_path, ATTACK, POISONED)
    assert told > score(tmp_path, SHADOW, POISONED) + CLEAR
    wrong = Leaked(VICTIMS.images[SCORED:].roll(1, 0), some(release(POISONED), slice(SCORED, None)))
    assert told > score(tmp_path / "wrong", ATTACK, POISONED, leaked=wrong) + 0.05


def test_what_it_tunes_is_the_shadow_attack_s_inverse_which_stays_as_it_was(tmp_path):
    steps = []
    shadow = guesses(tmp_path, SHADOW, UNHIDDEN)
    still = replace(BRIEF, fitting=replace(BRIEF.fitting, steps=1, learning_rate=1e-12))
    barely = prepared(tmp_path, still, UNHIDDEN, report=lambda progress: steps.append(progress.work))
    assert set(steps) == {still.name}
    untuned = prepared(tmp_path, SHADOW, UNHIDDEN)
    for tuned, kept in zip(barely.inverse.parameters(), untuned.inverse.parameters(), strict=True):
        torch.testing.assert_close(tuned, kept)
    assert torch.equal(guesses(tmp_path, SHADOW, UNHIDDEN), shadow)


def test_it_is_tuned_once_and_says_the_same_under_the_same_stream(tmp_path):
    found = [guesses(tmp_path / folder, BRIEF, UNHIDDEN) for folder in ("1", "1", "2")]
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    assert len(list(tmp_path.rglob(WEIGHTS))) == 4  # a shadow attack and a tuned one, twice


def test_the_same_stream_gives_the_same_guesses_and_another_one_others(tmp_path):
    """Though the inverse that it tunes is the same, and so are the pairs: they come in another order."""
    attack = replace(ATTACK, fitting=replace(ATTACK.fitting, steps=4))
    first, again, other = (
        attack.prepare(view_of(tmp_path / folder, Level.A3, UNHIDDEN), stream(0, owner)).guess(release(UNHIDDEN)).images
        for folder, owner in (("1", "attacker"), ("2", "attacker"), ("3", "another"))
    )
    assert torch.equal(again, first)
    assert not torch.equal(other, first)


@pytest.mark.parametrize("pairs", [0, 1])
def test_too_few_pairs_to_learn_from_leave_the_shadow_attack_as_it_is(pairs, tmp_path):
    leaked = Leaked(VICTIMS.images[:pairs], some(release(UNHIDDEN), slice(pairs)))
    assert torch.equal(guesses(tmp_path, BRIEF, UNHIDDEN, leaked=leaked), guesses(tmp_path, SHADOW, UNHIDDEN))


def test_of_what_is_made_up_no_pairs_are_learnt_from(tmp_path):
    view = view_of(tmp_path, Level.A3, UNHIDDEN)
    untuned, tuned = (BRIEF.prepare(replace(view, recipe=recipe), torch.Generator()) for recipe in (DrawnFeatures(), UNHIDDEN))
    shadow = prepared(tmp_path, SHADOW, UNHIDDEN)
    given = release(UNHIDDEN)
    assert torch.equal(untuned.guess(given).images, shadow.guess(given).images)
    assert not torch.equal(tuned.guess(given).images, shadow.guess(given).images)
    none_leaked = BRIEF.prepare(replace(view, recipe=DrawnFeatures(), leaked=None), torch.Generator())
    assert torch.equal(none_leaked.guess(given).images, shadow.guess(given).images)


def test_where_no_features_are_shared_it_says_what_the_shadow_attack_says(tmp_path):
    batch = SharedImages(VICTIMS.images, VICTIMS.labels)
    leaked = Leaked(VICTIMS.images[:3], SharedImages(VICTIMS.images[:3], VICTIMS.labels[:3]))
    view = view_of(
        tmp_path, Level.A3, UNHIDDEN, leaked=leaked, prepared=lambda attack: prepared(tmp_path, attack, UNHIDDEN, recipe=RawImages())
    )
    attacker = BRIEF.prepare(view, torch.Generator())
    guess = attacker.guess(batch)
    assert isinstance(guess, Guess)
    assert torch.equal(guess.images, VICTIMS.images)
    assert isinstance(attacker.guess(ModelUpdate({}, 3)), NotApplicable)


def test_a_model_update_is_another_attack_s_business(tmp_path):
    result = prepared(tmp_path, BRIEF, UNHIDDEN).guess(ModelUpdate({}, 3))
    assert isinstance(result, NotApplicable)
    assert "model update" in result.reason


@pytest.mark.parametrize("missing", ["leaked", "prepared"])
def test_what_it_needs_and_does_not_have_is_refused(missing, tmp_path):
    with pytest.raises(SettingError, match=r"wanted a view with leaked pairs for A3\.20"):
        prepared(tmp_path, BRIEF, UNHIDDEN, **{missing: None})


@pytest.mark.parametrize(
    ("knobs", "reason"), [({"pairs": 1}, "at least 2, got 1"), ({"fitting": replace(ATTACK.fitting, patience=3)}, "without patience")]
)
def test_knobs_that_cannot_work_are_refused_at_birth(knobs, reason):
    with pytest.raises(SettingError, match=reason):
        LeakedPairs(**knobs)


def test_it_is_an_attack_that_says_how_many_pairs_it_wants():
    assert isinstance(ATTACK, Attack)
    assert isinstance(ATTACK, LeakAttack)
    assert ATTACK.level is Level.A3
    weaker = replace(LeakedPairs().shadow, auxiliary="public")
    assert [LeakedPairs().name, LeakedPairs(pairs=10, shadow=weaker).name] == ["A3.100", "A3.10.public"]
    assert BRIEF.name == "A3.20.plain-1-x2.s3.tuned-s3"
