"""What the view of each level holds: all that this level knows, and never the victim's images or its module."""

from dataclasses import replace

import pytest
import torch

from dpm_flower.attacks.aligned import Aligned
from dpm_flower.attacks.attribute_inference import AttributeInference
from dpm_flower.attacks.black_box import BlackBoxInversion
from dpm_flower.attacks.inverse import Inverse
from dpm_flower.attacks.kept_weights import WEIGHTS
from dpm_flower.attacks.leaked_pairs import LeakedPairs
from dpm_flower.attacks.linkage import Linkage
from dpm_flower.attacks.membership import LikelihoodRatio
from dpm_flower.attacks.optimised import Optimised
from dpm_flower.attacks.other_reconstructor import OtherReconstructor
from dpm_flower.attacks.public_reconstructor import PublicReconstructor
from dpm_flower.attacks.shadow import Shadow
from dpm_flower.attacks.update_inversion import UpdateInversion
from dpm_flower.attacks.update_membership import UpdateMembership
from dpm_flower.core.errors import SettingError
from dpm_flower.core.labelled import Labelled
from dpm_flower.core.level import Level
from dpm_flower.core.partition import Shares
from dpm_flower.core.protocols import Attack, Preparation
from dpm_flower.core.streams import stream
from dpm_flower.data.division import divide
from dpm_flower.data.gathered import Gathered
from dpm_flower.data.sources import load
from dpm_flower.methods.perturbed import PerturbedFeatures
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.regime.attacker_views import Exposed, Surroundings
from dpm_flower.regime.leak import parted
from dpm_flower.training.perturbation import GaussianNoise
from dpm_flower.training.prediction import apply
from tests.regime.examples import FEW, NETS, POISONING, STUDY, task
from tests.regime.reachable import shares_with, tensors_from
from tests.training.toys import CPU, pictures

INVERSE = Inverse(blocks=1, fitting=replace(FEW, steps=2))
SHADOW = Shadow(inverse=INVERSE)
ATTACKS = {
    Level.A0: PublicReconstructor(),
    Level.A1: OtherReconstructor(),
    Level.A2: SHADOW,
    Level.A3: LeakedPairs(pairs=4, shadow=SHADOW, fitting=INVERSE.fitting),
    Level.A4: BlackBoxInversion(inverse=INVERSE),
    Level.A5: Aligned(aligning=INVERSE.fitting, inverse=INVERSE),
    Level.A6: Optimised(steps=2),
    Level.L1: Linkage(fitting=replace(FEW, steps=2)),
    Level.L2: AttributeInference(fitting=replace(FEW, steps=2)),
    Level.L3: LikelihoodRatio(),
    Level.U1: UpdateInversion(),
    Level.U2: UpdateMembership(),
}


class Scene:
    """A victim that has released poisoned features, as it prepares its audit."""

    def __init__(self, folder, method=POISONING, **changes):
        self.task = task(folder, **({"common": folder / "common", "peer": pictures(9, seed=77)} | changes))
        features = self.task.features(NETS)
        self.sharer = method.prepare(
            Preparation(
                net=NETS,
                private=self.task.train,
                validation=self.task.validation,
                public=self.task.public,
                rng=self.task.stream("method"),
                compute=self.task.compute,
                report=self.task.report,
                features=features,
            )
        )
        self.exposed = Exposed(method, self.sharer, self.sharer.share(self.task.train.images, self.task.train.labels))
        self.around = Surroundings.of(self.task, NETS)

    def known(self, level):
        return parted(ATTACKS[level], self.task.train.images, self.exposed.released, 2, stream(0))

    def view(self, level, **changes):
        return self.around.view(ATTACKS[level], replace(self.exposed, **changes), self.known(level).leaked)


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


def divided_scene(folder):
    """The same with images as a simulation has them: public ones and the peer's are chosen from a set that the victims are in too.

    They have attributes, which nobody's are like.
    """
    digits = load("digits", 12)
    known = {part: replace(images, attributes=_tossed(len(images))) for part, images in (("train", digits.train), ("test", digits.test))}
    partition = Shares(entities=(("a", 0.02), ("b", 0.03)), public=0.02, validation=0.2)
    division = divide(replace(digits, **known, attribute_names=("a", "b")), partition, seed=0)
    own, peer = division.entities["a"], division.entities.largest_but("a")
    return Scene(folder, train=own.train, validation=own.validation, public=division.public, test=division.test, peer=peer)


def _tossed(count):
    return torch.randint(0, 2, (count, 2), generator=stream(0, "attributes")).to(torch.uint8)


@pytest.mark.parametrize("level", ATTACKS)
def test_the_victim_s_attributes_cannot_be_got_at_from_a_view_and_those_of_the_attacker_s_images_are_in_it(level, tmp_path):
    scene = divided_scene(tmp_path)
    view, task = scene.view(level), scene.task
    held = tensors_from(view, opaque=(view.oracle,))
    assert not any(shares_with(tensor, [task.train.attributes]) for tensor in held)
    assert any(tensor is task.public.attributes for tensor in held)  # the search does find what is there
    assert view.own is None or view.own.attributes is task.peer.attributes


@pytest.mark.parametrize("made", [Scene, divided_scene], ids=["eager", "divided"])
@pytest.mark.parametrize("level", Level)
def test_no_image_of_the_victim_and_no_weight_of_its_module_can_be_got_at_from_a_view(level, made, tmp_path):
    scene = made(tmp_path)
    view = scene.view(level)
    leaked = () if view.leaked is None else (view.leaked,)
    secrets = [scene.task.train.images, *scene.sharer.module.parameters(), scene.task.features(NETS)(scene.task.train.images)]
    held = tensors_from(view, opaque=(view.oracle, *leaked))
    assert [tuple(tensor.shape) for tensor in held if shares_with(tensor, secrets)] == []
    wanted = [view.public.images, *([view.own.images] if view.own else []), *NETS.featurizer.parameters()]
    assert all(any(tensor is each for tensor in held) for each in wanted)  # the search does find what is there


def test_the_search_finds_what_a_careless_view_would_hold(scene):
    view = scene.view(Level.A2)
    train, weight = scene.task.train, next(iter(scene.sharer.module.parameters()))
    for careless in (
        {"features": scene.task.features},
        {"prepared": lambda attack: scene.sharer},
        {"report": scene.task.stream},
        {"recipe": scene.sharer},
        {"own": train.take(torch.arange(3))},
        {"public": Gathered(train, torch.arange(0), torch.arange(3))},
    ):
        held = tensors_from(replace(view, **careless))
        assert any(shares_with(tensor, [train.images, weight]) for tensor in held)


def test_what_has_leaked_are_as_many_pairs_as_were_asked_for_and_none_that_is_scored(scene):
    view, known = scene.view(Level.A3), scene.known(Level.A3)
    assert len(view.leaked.images) == len(view.leaked.released.labels) == 4
    assert shares_with(view.leaked.images, [scene.task.train.images])
    assert not shares_with(view.leaked.images.clone(), [known.images])
    torch.testing.assert_close(view.leaked.released.features, scene.sharer.share(view.leaked.images, None).features)


@pytest.mark.parametrize("level", Level)
def test_a_view_holds_what_its_level_knows_and_nothing_more(level, scene):
    view = scene.view(level)
    peer = level not in (Level.A0, Level.A1, Level.A6)
    assert view.recipe == (POISONING if peer and level not in (Level.A5, Level.U1, Level.U2) else None)
    assert view.own is (scene.task.peer if peer else None)
    assert view.public is scene.task.public
    assert (view.leaked is not None) == (level is Level.A3)
    assert (view.oracle is not None) == (level is Level.A4)
    assert (view.prepared is not None) == (level in (Level.A3, Level.A4))


def test_images_that_are_gathered_are_in_every_view_as_the_same_tensors_by_which_caches_know_them(tmp_path):
    scene = divided_scene(tmp_path)
    for view in map(scene.view, (Level.A2, Level.A3, Level.A4)):
        assert view.public.images is scene.task.public.images
        assert view.own.images is scene.task.peer.images
        assert (type(view.public), type(view.own)) == (Labelled, Labelled)
        for images in (view.public.images, view.own.images):
            assert torch.equal(view.features(images), apply(NETS.featurizer, images, CPU))


def test_what_an_attacker_computes_from_the_peer_s_images_does_not_lie_among_the_entity_s_own_features(tmp_path):
    """Whoever asks for it: the attacker by itself, or the victim's sharer as its oracle."""
    for name, method in (("raw", RawFeatures()), ("poisoned", POISONING)):
        scene = Scene(tmp_path / name, method)
        own, theirs = scene.task.site.features, scene.task.site.attackers_features(scene.task.campaign)
        before = sorted(own.iterdir())
        for level in (Level.A2, Level.A3, Level.A4):
            scene.around.prepare(ATTACKS[level], scene.view(level))
        assert sorted(own.iterdir()) == before
        raw = apply(NETS.featurizer, scene.task.peer.images, CPU).numpy().tobytes()
        assert [path.parent for path in (tmp_path / name).rglob("*.npy") if raw in path.read_bytes()] == [theirs]


@pytest.mark.parametrize(
    "before", [(), (Level.A2,), (Level.A3, Level.A4), (Level.A4,)], ids=lambda levels: "".join(level.name for level in levels) or "nobody"
)
def test_what_an_oracle_answers_does_not_depend_on_who_asked_before(before, tmp_path):
    """Noise is drawn anew every time, by the victim's own stream: each attacker moves a copy of it."""
    noisy = PerturbedFeatures(perturbation=GaussianNoise(sigma=1.0))
    alone, scene = (Scene(tmp_path / name, noisy) for name in ("alone", "after"))
    other = replace(ATTACKS[Level.A4], auxiliary="public")
    for level in before:
        attack = other if level is Level.A4 else ATTACKS[level]
        scene.around.prepare(attack, scene.around.view(attack, scene.exposed, scene.known(level).leaked))
    found = [one.around.prepare(ATTACKS[Level.A4], one.view(Level.A4)).guess(one.exposed.released).images for one in (alone, scene)]
    assert torch.equal(*found)
    batches = [one.sharer.share(one.task.test.images, one.task.test.labels).features for one in (alone, scene)]
    assert torch.equal(*batches)  # and the victim shares as if nobody had asked


def test_the_oracle_answers_as_the_victim_shares_and_has_no_other_side(scene):
    oracle, images, labels = scene.view(Level.A4).oracle, scene.task.peer.images, scene.task.peer.labels
    assert torch.equal(oracle(images, labels).features, scene.sharer.share(images, labels).features)
    assert not hasattr(oracle, "__self__")
    assert vars(oracle) == {}


def test_where_no_other_images_are_at_hand_the_attacker_has_those_that_are_not_released(tmp_path):
    one = Scene(tmp_path)
    around = Surroundings.of(replace(one.task, peer=None), NETS)
    assert around.view(SHADOW, one.exposed, None).own is one.task.validation


@pytest.mark.parametrize("level", Level)
def test_who_sees_something_of_the_victim_has_a_folder_for_this_release_alone(level, scene):
    other = replace(scene.exposed.released, features=scene.exposed.released.features + 1)
    folders = {scene.view(level).folder, scene.view(level).folder, scene.view(level, released=other).folder}
    assert len(folders) == (2 if level in (Level.A3, Level.A4) else 1)
    named = {scene.view(level, method=replace(POISONING, blocks=2)).folder, scene.view(level).folder}
    assert len(named) == (1 if level in (Level.A0, Level.A1, Level.A5, Level.A6, Level.U1, Level.U2) else 2)


@pytest.mark.parametrize("order", [(Level.A2, Level.A3), (Level.A3, Level.A2)])
def test_an_inverse_that_two_attacks_build_on_is_trained_once_and_the_same_whoever_comes_first(order, tmp_path):
    alone, scene = Scene(tmp_path / "alone"), Scene(tmp_path / "both")
    weights = (alone.around.prepare(SHADOW, alone.view(Level.A2)), (alone.view(Level.A2).folder / WEIGHTS).read_bytes())[1]
    for level in order:
        scene.around.prepare(ATTACKS[level], scene.view(level))
    assert (scene.view(Level.A2).folder / WEIGHTS).read_bytes() == weights
    assert len(list(tmp_path.joinpath("both").rglob(WEIGHTS))) == 2


@pytest.mark.parametrize("level", [Level.A3, Level.A4])
def test_who_sees_the_victim_is_not_prepared_for_somebody_else(level, scene):
    with pytest.raises(SettingError, match="sees nothing of its victim, got A"):
        scene.view(Level.A3).prepared(ATTACKS[level])


def test_levels_know_more_and_more():
    table = {
        level.name: (level.knows_recipe, level.is_peer, level.has_leaked_pairs, level.asks_module, level.sees_victim) for level in Level
    }
    assert table == {
        "A0": (False, False, False, False, False),
        "A1": (False, False, False, False, False),
        "A2": (True, True, False, False, False),
        "A3": (True, True, True, False, True),
        "A4": (True, True, False, True, True),
        "A5": (False, True, False, False, False),
        "A6": (False, False, False, False, False),
        "L1": (True, True, False, False, False),
        "L2": (True, True, False, False, False),
        "L3": (True, True, False, False, False),
        "U1": (False, True, False, False, False),
        "U2": (False, True, False, False, False),
    }


def test_the_study_of_these_tests_is_an_ordinary_one():
    assert replace(STUDY, attacks=tuple(attack for attack in ATTACKS.values() if isinstance(attack, Attack))[1:]).attacks
