from dataclasses import replace

import pytest
import torch

from dpm_flower.attacks import linkage
from dpm_flower.attacks.gallery import gallery_of
from dpm_flower.attacks.kept_weights import WEIGHTS
from dpm_flower.attacks.linkage import MATCHING, Linkage
from dpm_flower.attacks.nearest_features import NearestFeatures
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Attack, LinkageAttack, NotApplicable, unlearnt
from dpm_flower.core.shared import ModelUpdate, SharedFeatures, SharedImages
from dpm_flower.core.streams import stream
from dpm_flower.methods.drawn_features import DrawnFeatures
from dpm_flower.methods.mixed_images import MixedImages
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.methods.shuffled_images import ShuffledImages
from tests.attacks.made import Made
from tests.attacks.peers import OWN, UNHIDDEN, VICTIMS, release, sharer, view_of
from tests.attacks.views import PUBLIC, scenes, view
from tests.regime.reachable import shares_with, tensors_from
from tests.training.toys import interrupting

ATTACK = Linkage(fitting=Fitting(steps=40, learning_rate=1e-2, batch_size=24, weight_decay=0.0))
BRIEF = Linkage(fitting=replace(MATCHING, steps=3, batch_size=8))
GALLERY = gallery_of(VICTIMS, (scenes(140, seed=4),), stream(0, "gallery"), 200)  # 60 victims, 140 others
LABEL = GALLERY.told_by_label().figures
SURE = 0.5  # rank-1: a hundred times what chance gives, and thirty times what the label tells


NEGATIVE = Made(lambda z, labels, rng: -z, "negative")
SHUFFLED = Made(lambda z, labels, rng: z[torch.randperm(len(z), generator=rng)], "shuffled")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Where the linkers of these tests lie, each trained once."""
    return tmp_path_factory.mktemp("linkers")


def linker(folder, attack, method, **changes):
    return attack.linker(view_of(folder / method.name, Level.L1, RawFeatures(), **({"recipe": method} | changes)), stream(0, "attacker"))


def ranked(folder, attack, method):
    """Where the victims' images come among the candidates."""
    answer = linker(folder, attack, method).link(release(method), GALLERY.images)
    assert answer.shape == (len(VICTIMS), len(GALLERY))
    return GALLERY.ranked(answer).figures


@pytest.mark.parametrize("method", [RawFeatures(), UNHIDDEN], ids=lambda method: method.name)
def test_it_finds_the_images_of_raw_features_and_of_a_module_that_hides_nothing(method, kept):
    figures = ranked(kept, ATTACK, method)
    assert figures["rank1"] > SURE > 10 * LABEL["rank1"] > 10 * figures["rank1_chance"]
    assert figures["map"] >= figures["rank1"]


def test_it_finds_images_by_features_that_are_not_near_their_own(kept):
    """The recipe tells it what to look for: by distance alone, no image is further from its negative."""
    assert ranked(kept, ATTACK, NEGATIVE)["rank1"] > SURE
    assert ranked(kept, NearestFeatures(), NEGATIVE)["rank1"] == 0


def test_where_features_are_shuffled_among_images_it_finds_what_chance_finds(kept):
    figures = ranked(kept, ATTACK, SHUFFLED)
    assert figures["rank1"] <= 2 / len(VICTIMS)
    assert figures["map"] < 2 * figures["map_chance"]


def test_where_features_are_released_for_other_images_it_finds_none(kept):
    batch = release(RawFeatures())
    moved = SharedFeatures(batch.features.roll(1, 0), batch.labels)
    assert GALLERY.ranked(linker(kept, ATTACK, RawFeatures()).link(moved, GALLERY.images)).figures["rank1"] == 0


def test_what_is_the_same_for_a_whole_channel_does_not_hide_anything(kept):
    """Modules differ in it more than in anything else, and whoever sees a whole release sees it."""
    batch = release(RawFeatures())
    scales, shifts = torch.tensor([0.1, 1.0, 3.0, 20.0]).view(1, 4, 1, 1), torch.tensor([5.0, -1.0, 0.0, 9.0]).view(1, 4, 1, 1)
    made = linker(kept, ATTACK, RawFeatures())
    one, other = (
        made.link(SharedFeatures(values, batch.labels), GALLERY.images) for values in (batch.features, batch.features * scales + shifts)
    )
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_public_images_of_another_kind_do_not_change_what_it_learns_of_its_own(tmp_path, monkeypatch):
    """A release holds images of one kind, and is standardised by itself."""
    seen = []
    monkeypatch.setattr(linkage, "train_matcher", lambda matcher, released, *_, **__: seen.extend(released))
    for folder, auxiliary, kind in (("1", "public+own", 0.0), ("2", "public+own", 0.9), ("3", "own", 0.0)):
        public = replace(PUBLIC, images=PUBLIC.images * (1 - kind) + kind)
        linker(tmp_path / folder, replace(BRIEF, auxiliary=auxiliary), RawFeatures(), public=public)
    own = [features[-len(OWN) :] for features in seen]
    assert len(own) == 3
    torch.testing.assert_close(own[0], own[1])
    torch.testing.assert_close(own[0], own[2])


def test_a_channel_that_says_nothing_does_no_harm(kept):
    dead = release(RawFeatures()).features.clone()
    dead[:, 0] = 3.0
    answer = linker(kept, ATTACK, RawFeatures()).link(SharedFeatures(dead, VICTIMS.labels), GALLERY.images)
    assert GALLERY.ranked(answer).figures["rank1"] > 10 * LABEL["rank1"]


def test_images_are_found_one_by_one_whatever_else_is_in_the_gallery(kept):
    made, batch = linker(kept, ATTACK, RawFeatures()), release(RawFeatures())
    torch.testing.assert_close(made.link(batch, GALLERY.images)[:, 7:9], made.link(batch, GALLERY.images[7:9]))


@pytest.mark.parametrize("attack", [ATTACK, NearestFeatures()], ids=lambda attack: attack.name)
def test_released_images_are_found_by_their_own_features_also_where_features_were_expected(attack, kept):
    for method in (RawFeatures(), RawImages()):
        answer = linker(kept, attack, method).link(SharedImages(VICTIMS.images, VICTIMS.labels), GALLERY.images)
        assert GALLERY.ranked(answer).figures["rank1"] == 1


@pytest.mark.parametrize("attack", [ATTACK, NearestFeatures()], ids=lambda attack: attack.name)
@pytest.mark.parametrize("method", [ShuffledImages(patch=2), MixedImages(patch=12)], ids=lambda method: method.name)
def test_encrypted_images_are_all_found_by_who_knows_how_and_not_by_their_features(attack, method, kept):
    assert ranked(kept, attack, method)["rank1"] == 1
    blind = NearestFeatures().linker(view(kept), stream(0)).link(release(method), GALLERY.images)
    assert GALLERY.ranked(blind).figures["rank1"] < SURE


@pytest.mark.parametrize("method", [ShuffledImages(patch=2), MixedImages(patch=12)], ids=lambda method: method.name)
def test_of_encrypted_images_of_others_it_finds_what_the_label_tells(method, kept):
    others = sharer(method).share(scenes(len(VICTIMS), seed=8).images, VICTIMS.labels)
    figures = GALLERY.ranked(linker(kept, ATTACK, method).link(others, GALLERY.images)).figures
    assert figures["rank1"] <= 3 / len(VICTIMS)
    assert figures["map"] < 2 * LABEL["map"]


@pytest.mark.parametrize("attack", [ATTACK, NearestFeatures()], ids=lambda attack: attack.name)
@pytest.mark.parametrize("method", [RawFeatures(), Nothing()], ids=lambda method: method.name)
def test_a_model_update_is_another_attack_s_business(attack, method, kept):
    answer = linker(kept, attack, method).link(ModelUpdate({}, 3), GALLERY.images)
    assert isinstance(answer, NotApplicable)
    assert "model update" in answer.reason


@pytest.mark.parametrize("recipe", [RawImages(), Nothing(), DrawnFeatures()], ids=lambda recipe: recipe.name)
def test_where_a_recipe_teaches_nothing_it_looks_for_what_is_nearest(recipe, tmp_path):
    batch = release(RawFeatures())
    linkers = [linker(tmp_path, attack, recipe) for attack in (BRIEF, NearestFeatures())]
    found, nearest = (one.link(batch, GALLERY.images) for one in linkers)
    assert torch.equal(found, nearest)
    assert [bool(unlearnt(one)) for one in linkers] == [True, False]  # the second had not set out to learn anything
    assert list(tmp_path.rglob(WEIGHTS)) == []


def test_it_learns_from_what_every_shadow_makes_of_its_own_images_and_nothing_of_the_victim_is_in_it(tmp_path):
    made = linker(tmp_path, replace(BRIEF, shadows=2), NEGATIVE)
    secrets = [VICTIMS.images, release(NEGATIVE).features, GALLERY.images]
    held = tensors_from(made)
    assert not any(shares_with(tensor, secrets) for tensor in held)
    assert any(tensor is made.matcher.log_temperature for tensor in held)  # the search does find what is there


@pytest.mark.parametrize(("knobs", "times"), [({}, 1), ({"shadows": 2}, 2), ({"shadows": 2, "variants": (SHUFFLED, RawFeatures())}, 4)])
def test_it_is_trained_as_long_on_every_module_and_reported_under_its_name(knobs, times, tmp_path):
    seen = set()
    attack = replace(BRIEF, **knobs)
    linker(tmp_path, attack, NEGATIVE, report=lambda progress: seen.add((progress.work, progress.steps)))
    assert seen == {(attack.name, times * BRIEF.fitting.steps)}


def test_it_is_trained_once_and_the_stream_alone_decides_what_it_draws(tmp_path):
    found = [
        BRIEF.linker(view_of(tmp_path / folder, Level.L1, SHUFFLED), stream(0, owner)).link(release(SHUFFLED), GALLERY.images)
        for folder, owner in (("1", "attacker"), ("1", "attacker"), ("2", "attacker"), ("3", "another"))
    ]
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
    assert not torch.equal(found[0], found[3])
    assert len(list(tmp_path.rglob(WEIGHTS))) == 3


def test_one_that_was_interrupted_goes_on_to_the_same_weights(tmp_path):
    attack = replace(BRIEF, shadows=2, fitting=replace(BRIEF.fitting, steps=11))
    with pytest.raises(InterruptedError):
        linker(tmp_path / "1", attack, SHUFFLED, report=interrupting(20))
    steps = []
    again = linker(tmp_path / "1", attack, SHUFFLED, report=lambda progress: steps.append(progress.step))
    assert steps[0] == 21  # of 22; the first two epochs, of 9 steps each, were not trained again
    found = [made.link(release(SHUFFLED), GALLERY.images) for made in (again, linker(tmp_path / "2", attack, SHUFFLED))]
    assert torch.equal(*found)


def test_with_public_images_alone_nothing_of_its_own_is_used_and_its_name_says_so(tmp_path):
    attack = replace(BRIEF, auxiliary="public")
    linker(tmp_path, attack, NEGATIVE, own=None)
    assert attack.name.endswith(".public")
    assert (Linkage().name, Linkage(auxiliary="public", shadows=3).name, NearestFeatures().name) == ("L1", "L1.x3.public", "L1.nearest")
    assert Linkage(fitting=replace(MATCHING, steps=7)).name == "L1.s7"


def test_what_it_needs_and_does_not_have_is_refused(tmp_path):
    with pytest.raises(SettingError, match="wanted a view with the recipe for L1"):
        linker(tmp_path / "1", BRIEF, NEGATIVE, recipe=None)
    with pytest.raises(SettingError, match="wanted a view with the attacker's own images"):
        linker(tmp_path / "2", BRIEF, NEGATIVE, own=None)


@pytest.mark.parametrize(
    ("knobs", "reason"),
    [
        ({"auxiliary": "mine"}, "public, public\\+own, own, got 'mine'"),
        ({"shadows": 0}, "at least 1, got 0"),
        ({"variants": (("blocks", 2),)}, "variants are sharing methods"),
        ({"fitting": replace(MATCHING, patience=2)}, "without patience, got 2"),
    ],
)
def test_knobs_that_cannot_work_are_refused_at_birth(knobs, reason):
    with pytest.raises(SettingError, match=reason):
        Linkage(**knobs)


@pytest.mark.parametrize("attack", [ATTACK, NearestFeatures()], ids=lambda attack: attack.name)
def test_it_answers_which_image_it_was_and_guesses_none(attack):
    assert isinstance(attack, LinkageAttack)
    assert not isinstance(attack, Attack)
    assert attack.level is Level.L1
    assert hash(attack) == hash(replace(attack))
