from dataclasses import dataclass, field, replace

import pytest
import torch

from dpm_flower.attacks.inverse import USUAL, Inverse
from dpm_flower.attacks.kept_weights import WEIGHTS
from dpm_flower.attacks.public_reconstructor import PublicReconstructor
from dpm_flower.attacks.shadow import Shadow
from dpm_flower.attacks.shadow_modules import Shadows
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Attack, Guess, NotApplicable, unlearnt
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from dpm_flower.core.streams import stream
from dpm_flower.methods.coded import Coded
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.drawn_features import DrawnFeatures
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.perturbed import PerturbedFeatures
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.payload.codec import as_received
from dpm_flower.training.perturbation_strength import Calibrated, settle
from dpm_flower.training.prediction import apply
from dpm_flower.training.privacy import PrivacyTerm
from tests.attacks.peers import (
    CLEAR,
    OWN,
    POISONED,
    UNHIDDEN,
    VICTIMS,
    assert_sees,
    assert_sees_half,
    floor,
    guesses,
    prepared,
    release,
    score,
    view_of,
)
from tests.attacks.views import NETS, PUBLIC, features
from tests.training.toys import CPU

INVERSE = Inverse(blocks=1, fitting=Fitting(steps=200, learning_rate=0.03, batch_size=16, weight_decay=0.0))
ATTACK = Shadow(inverse=INVERSE)
BRIEF = Shadow(inverse=replace(INVERSE, fitting=replace(USUAL.fitting, steps=3)))


@dataclass(frozen=True)
class Noting:
    """Shares features times `factor`, and takes notes of what it was prepared with and of what it shared."""

    name: str = "noting"
    factor: float = 1.0
    notes: list = field(default_factory=list, repr=False, compare=False)

    def prepare(self, preparation):
        self.notes.append((self.factor, preparation, torch.rand(1, generator=preparation.rng).item()))
        return self

    def share(self, images, labels):
        self.notes.append(images)
        return SharedFeatures(self.factor * features(images), labels)


class OtherNoting(Noting):
    """A method of another kind than the recipe."""


def test_on_raw_features_it_sees_what_can_be_seen(tmp_path):
    assert score(tmp_path, ATTACK, RawFeatures()) > 0.9 * score(tmp_path, PublicReconstructor(), RawFeatures())


def test_on_a_module_that_hides_nothing_it_sees_half_of_what_the_module_s_own_inverse_sees(tmp_path):
    assert_sees(tmp_path, ATTACK, UNHIDDEN)
    assert_sees_half(tmp_path, ATTACK, UNHIDDEN, INVERSE)


def test_it_sees_through_a_poisoned_release_where_the_public_reconstructor_sees_nothing(tmp_path):
    assert score(tmp_path, ATTACK, POISONED) > floor() + CLEAR / 2 > score(tmp_path, PublicReconstructor(), POISONED) + CLEAR


def test_it_runs_the_recipe_as_an_entity_would_with_labels_of_the_task(tmp_path):
    recipe = Noting()
    BRIEF.prepare(view_of(tmp_path, Level.A2, UNHIDDEN, recipe=recipe), stream(0, "attacker"))
    (_, preparation, _), *shared = recipe.notes
    assert all(a is b for a, b in zip(shared, (PUBLIC.images, OWN.images) * 2, strict=True))
    answers = apply(NETS.decider, features(PUBLIC.images), CPU).argmax(1)
    assert torch.equal(preparation.private.images, torch.cat([PUBLIC.images, OWN.images]))
    assert torch.equal(preparation.private.labels, torch.cat([answers, OWN.labels]))
    assert preparation.private.classes == NETS.classes
    torch.testing.assert_close(preparation.features(preparation.private.images), features(preparation.private.images))


CALIBRATED = PerturbedFeatures(perturbation=Calibrated("gaussian-noise", drop=0.5))


@dataclass(frozen=True)
class Settling:
    """A calibrated method, which takes notes of what strength it had and of what it was prepared with."""

    notes: list = field(default_factory=list, repr=False, compare=False)
    name: str = "settling"

    def prepare(self, preparation):
        sharer = CALIBRATED.prepare(preparation)
        self.notes.append((sharer.figures["perturbation_strength"], preparation))
        return sharer


def test_a_strength_is_settled_on_its_own_images_whose_labels_are_true(tmp_path):
    recipe = Settling()
    BRIEF.prepare(view_of(tmp_path, Level.A2, UNHIDDEN, recipe=recipe), stream(0, "attacker"))
    ((strength, preparation),) = recipe.notes
    assert preparation.validation is OWN
    on = {
        name: settle(CALIBRATED.perturbation, replace(preparation, validation=images)).figures["perturbation_strength"]
        for name, images in (("own", OWN), ("all", preparation.private))
    }
    assert strength == on["own"] != on["all"]  # labels that the decider gave itself make it seem never to err


def test_a_strength_is_settled_on_public_images_where_it_learns_from_nothing_else(tmp_path):
    recipe = Settling()
    replace(BRIEF, auxiliary="public").prepare(view_of(tmp_path, Level.A2, UNHIDDEN, recipe=recipe, own=None), stream(0, "attacker"))
    assert recipe.notes[0][1].validation.images is PUBLIC.images


@pytest.mark.parametrize(("knobs", "times"), [({}, 1), ({"shadows": 2}, 2), ({"shadows": 2, "variants": (Noting(factor=2.0),)}, 4)])
def test_its_inverse_is_trained_as_long_on_every_module(knobs, times, tmp_path):
    steps = set()
    attack = replace(BRIEF, **knobs)
    attack.prepare(
        view_of(tmp_path, Level.A2, UNHIDDEN, recipe=Noting(), report=lambda progress: steps.add(progress.steps)), stream(0, "attacker")
    )
    assert steps == {times * BRIEF.inverse.fitting.steps}


def test_with_public_images_alone_nothing_of_its_own_is_used_and_its_name_says_so(tmp_path):
    recipe = Noting()
    attack = replace(BRIEF, auxiliary="public")
    attack.prepare(view_of(tmp_path, Level.A2, UNHIDDEN, recipe=recipe, own=None), stream(0, "attacker"))
    assert recipe.notes[0][1].private.images is PUBLIC.images
    assert (BRIEF.name, attack.name) == ("A2.plain-1-x2.s3", "A2.plain-1-x2.s3.public")
    assert (Shadow().name, Shadow(auxiliary="public").name) == ("A2", "A2.public")


def test_with_its_own_images_alone_no_public_one_is_used_and_its_name_says_so(tmp_path):
    recipe = Noting()
    attack = replace(BRIEF, auxiliary="own")
    attack.prepare(view_of(tmp_path, Level.A2, UNHIDDEN, recipe=recipe), stream(0, "attacker"))
    assert recipe.notes[0][1].private is recipe.notes[0][1].validation is OWN
    assert (attack.name, Shadow(auxiliary="own").name) == ("A2.plain-1-x2.s3.own", "A2.own")


def test_every_shadow_has_a_stream_of_its_own_and_variants_of_the_recipe_s_kind_are_shadowed_too(tmp_path):
    recipe = Noting()
    variants = (replace(recipe, factor=2.0), OtherNoting(factor=3.0, notes=recipe.notes))
    attack = replace(BRIEF, shadows=2, variants=variants)
    attack.prepare(view_of(tmp_path, Level.A2, UNHIDDEN, recipe=recipe), stream(0, "attacker"))
    made = [note for note in recipe.notes if isinstance(note, tuple)]
    assert [factor for factor, *_ in made] == [1.0, 1.0, 2.0, 2.0]
    assert len({drawn for *_, drawn in made}) == 4
    assert attack.name == "A2.plain-1-x2.s3.x2.2-variants"


def test_behind_a_codec_variants_of_the_coded_method_s_kind_are_shadowed_by_the_same_codec(tmp_path):
    inner = Noting()
    recipe, twice = Coded(method=inner, codec="webp"), replace(inner, factor=2.0)
    others = (OtherNoting(factor=3.0, notes=inner.notes), Coded(method=OtherNoting(factor=4.0, notes=inner.notes), codec="webp"))
    shadows = Shadows(auxiliary="public+own", count=1, variants=(twice, replace(recipe, codec="avif-60"), *others))
    view = view_of(tmp_path, Level.A2, UNHIDDEN, recipe=recipe)
    assert shadows.recipes(view, "A2") == [recipe, Coded(method=twice, codec="webp"), Coded(method=inner, codec="avif-60")]
    plain = view_of(tmp_path, Level.A2, UNHIDDEN, recipe=inner)
    assert shadows.recipes(plain, "A2") == [inner, twice]  # what nobody codes is no variant of what somebody does
    _, (first, second, _) = shadows.releases(view, stream(0, "attacker"), "A2")
    assert [note[0] for note in inner.notes if isinstance(note, tuple)] == [1.0, 2.0, 1.0]
    coded = as_received(SharedFeatures(2 * features(PUBLIC.images), PUBLIC.labels, "webp")).features
    assert torch.equal(second[: len(PUBLIC)], coded)
    assert not torch.equal(first, second)


def test_it_is_trained_once_and_the_stream_alone_decides_what_it_draws(tmp_path):
    recipe = Noting()
    found = [
        BRIEF.prepare(view_of(tmp_path / folder, Level.A2, UNHIDDEN, recipe=recipe), stream(0, owner)).guess(release(UNHIDDEN)).images
        for folder, owner in (("1", "attacker"), ("1", "attacker"), ("2", "attacker"), ("3", "another"))
    ]
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    assert not torch.equal(found[0], found[3])
    assert len([note for note in recipe.notes if isinstance(note, tuple)]) == 3
    assert len(list(tmp_path.rglob(WEIGHTS))) == 3


def test_one_that_was_interrupted_goes_on_to_the_same_weights(tmp_path):
    def interrupting(progress):
        if progress.step > 5 and progress.steps == attack.inverse.fitting.steps:
            raise InterruptedError

    attack = replace(BRIEF, inverse=replace(INVERSE, fitting=replace(INVERSE.fitting, steps=12)))
    with pytest.raises(InterruptedError):
        prepared(tmp_path / "1", attack, UNHIDDEN, report=interrupting)
    assert torch.equal(guesses(tmp_path / "1", attack, UNHIDDEN), guesses(tmp_path / "2", attack, UNHIDDEN))


def test_all_that_it_trains_is_reported_under_its_name(tmp_path):
    works = set()
    prepared(tmp_path, BRIEF, UNHIDDEN, report=lambda progress: works.add(progress.work))
    assert works == {BRIEF.name}


TEACHES_NOTHING = [(RawImages(), "images are shared"), (Nothing(), "nothing is shared"), (DrawnFeatures(), "is made up")]


@pytest.mark.parametrize(("recipe", "why"), TEACHES_NOTHING, ids=[recipe.name for recipe, _ in TEACHES_NOTHING])
def test_where_a_recipe_teaches_nothing_it_does_what_everybody_can_and_says_so(recipe, why, tmp_path):
    attacker, everybody = prepared(tmp_path, BRIEF, UNHIDDEN, recipe=recipe), prepared(tmp_path, PublicReconstructor(), UNHIDDEN)
    for batch in (SharedImages(VICTIMS.images, VICTIMS.labels), release(UNHIDDEN)):
        assert torch.equal(attacker.guess(batch).images, everybody.guess(batch).images)
    assert why in unlearnt(attacker)
    assert unlearnt(everybody) == ""
    assert list(tmp_path.rglob(WEIGHTS)) == []


def test_a_model_update_is_another_attack_s_business(tmp_path):
    result = prepared(tmp_path, BRIEF, RawFeatures()).guess(ModelUpdate({}, 3))
    assert isinstance(result, NotApplicable)
    assert "model update" in result.reason


def test_what_it_needs_and_does_not_have_is_refused(tmp_path):
    with pytest.raises(SettingError, match=r"wanted a view with the recipe for A2"):
        prepared(tmp_path / "1", BRIEF, UNHIDDEN, recipe=None)
    with pytest.raises(SettingError, match="wanted a view with the attacker's own images"):
        prepared(tmp_path / "2", BRIEF, UNHIDDEN, own=None)


@pytest.mark.parametrize(
    ("knobs", "reason"),
    [
        ({"auxiliary": "mine"}, "own, got 'mine'"),
        ({"shadows": 0}, "at least 1, got 0"),
        ({"variants": (("blocks", 2),)}, "variants are sharing methods"),
    ],
)
def test_knobs_that_cannot_work_are_refused_at_birth(knobs, reason):
    with pytest.raises(SettingError, match=reason):
        Shadow(**knobs)


def test_it_is_an_attack_that_a_study_can_hold():
    assert isinstance(ATTACK, Attack)
    assert ATTACK.level is Level.A2
    assert hash(Shadow(variants=(UNHIDDEN,))) == hash(Shadow(variants=(UNHIDDEN,)))


def test_a_privacy_term_is_left_out_by_who_knows_no_attributes(tmp_path):
    few = Fitting(steps=2, learning_rate=1e-3, batch_size=8)
    recipe = DeepPoisoning(privacy=PrivacyTerm(weight=1.0), fitting=few)
    attack = Shadow(inverse=Inverse(fitting=few))
    guess = attack.prepare(view_of(tmp_path, Level.A2, UNHIDDEN, recipe=recipe), stream(0, "attacker")).guess(
        SharedFeatures(features(VICTIMS.images), VICTIMS.labels)
    )
    assert isinstance(guess, Guess)
    assert Coded(method=recipe, codec="webp").without_attributes() == Coded(method=replace(recipe, privacy=None), codec="webp")
