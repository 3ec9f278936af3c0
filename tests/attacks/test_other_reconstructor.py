from dataclasses import replace

import pytest
import torch

from dpm_flower.attacks.kept_weights import CHECKPOINT, WEIGHTS
from dpm_flower.attacks.other_reconstructor import SUFFICIENCY, OtherReconstructor
from dpm_flower.attacks.scoring import disclosure
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import Labelled, as_bytes
from dpm_flower.core.level import Level
from dpm_flower.core.protocols import Attack
from dpm_flower.core.shared import SharedFeatures
from dpm_flower.core.streams import stream
from dpm_flower.methods.raw_features import RawFeatures
from dpm_flower.nets.reconstructor import Reconstructor
from tests.attacks.peers import UNHIDDEN, assert_sees, assert_sees_half
from tests.attacks.test_shadow import INVERSE
from tests.attacks.views import FEATURES, NETS, PUBLIC, VICTIMS, view
from tests.training.toys import CPU, interrupting

FITTING = Fitting(steps=60, learning_rate=0.03, batch_size=12, weight_decay=0.0)
ATTACK = OtherReconstructor(blocks=1, fitting=FITTING)
SHORT = replace(ATTACK, fitting=replace(FITTING, steps=20))
BRIEF = replace(ATTACK, fitting=replace(FITTING, steps=4))
RELEASE = SharedFeatures(FEATURES, VICTIMS.labels)


def prepared(folder, attack=ATTACK, **changes):
    return attack.prepare(view(folder, **changes), stream(0, "attacker"))


def test_it_learns_from_public_images_to_see_others(tmp_path):
    attacker = prepared(tmp_path)
    told = disclosure(VICTIMS.images, attacker.guess(RELEASE), NETS.featurizer, CPU).figures("z")
    shuffled = replace(RELEASE, features=FEATURES.roll(1, 0))
    untold = disclosure(VICTIMS.images, attacker.guess(shuffled), NETS.featurizer, CPU).figures("z")
    assert told["l1_z"] < 0.95 * untold["l1_z"]
    assert told["windowed_ssim_z"] > untold["windowed_ssim_z"] + 0.05


@pytest.mark.parametrize("attack", SUFFICIENCY, ids=lambda attack: attack.name)
def test_on_raw_features_each_of_the_five_sees_half_of_what_an_inverse_of_them_sees(attack, tmp_path):
    """This part of what shows that an attack is able to succeed holds for all of them; see below for the other."""
    learnt = replace(attack, fitting=INVERSE.fitting)
    assert_sees(tmp_path, learnt, RawFeatures())
    assert_sees_half(tmp_path, learnt, RawFeatures(), INVERSE)


def test_on_a_module_that_hides_nothing_one_of_the_five_sees_half_of_what_the_module_s_own_inverse_sees(tmp_path):
    """Above what the class tells. Who knows no module learns from raw features alone, and sees through a module as far as that leaves
    features like raw ones, by no merit of the attack: that all of them can do it is not to be asked, and is not so.
    """
    learnt = replace(SUFFICIENCY[-1], fitting=INVERSE.fitting)
    assert_sees_half(tmp_path, learnt, UNHIDDEN, INVERSE)


@pytest.mark.parametrize("attack", SUFFICIENCY, ids=lambda attack: attack.name)
def test_each_of_the_five_is_one_that_modules_are_not_trained_against(attack, tmp_path):
    assert isinstance(attack, Attack)
    assert (attack.level, attack.level.name) == (Level.A1, attack.name.split(".")[0])
    inverse = prepared(tmp_path, replace(attack, fitting=replace(FITTING, steps=1))).inverse
    assert attack.name == f"A1.{inverse.notation}"
    assert inverse.notation != Reconstructor(FEATURES.shape[1:], 12).notation


def test_the_five_are_the_paper_s():
    assert [attack.name for attack in SUFFICIENCY] == [
        "A1.plain-1-x2",
        "A1.plain-2-x4",
        "A1.residual-2-x2",
        "A1.residual-2-x4",
        "A1.plain-2-x2-clamp",
    ]


def test_one_that_is_trained_otherwise_than_usual_is_another_by_name():
    """A limit on an attacker's score is of one that is trained as usual, and is not met by one that has learnt nothing."""
    usual = OtherReconstructor()
    brief = replace(usual, fitting=replace(usual.fitting, steps=1))
    assert (usual.name, brief.name) == ("A1.plain-2-x2", "A1.plain-2-x2.s1")
    assert len({usual.name, brief.name, replace(usual, fitting=replace(brief.fitting, learning_rate=1e-9)).name}) == 3


@pytest.mark.parametrize(
    ("knobs", "reason"),
    [
        ({"kind": "dense"}, '"plain" or "residual", got \'dense\''),
        ({"blocks": 0}, "at least 1, got 0"),
        ({"upscale": 3}, "2 or 4, got 3"),
        ({"normalisation": "none"}, '"min-max" or "clamp"'),
        ({"fitting": replace(FITTING, patience=3)}, "without patience, got 3"),
    ],
)
def test_knobs_that_no_reconstructor_has_are_refused_at_birth(knobs, reason):
    with pytest.raises(SettingError, match=reason):
        OtherReconstructor(**knobs)


def test_its_knobs_are_checked_without_drawing_random_numbers():
    before = torch.get_rng_state()
    assert OtherReconstructor(kind="residual").name
    assert torch.equal(torch.get_rng_state(), before)


def test_it_is_trained_once_and_says_the_same_afterwards(tmp_path):
    steps = []
    guesses = [prepared(tmp_path, SHORT, report=steps.append).guess(RELEASE).images for _ in range(2)]
    assert torch.equal(*guesses)
    assert [progress.step for progress in steps].count(SHORT.fitting.steps) == 1
    assert {progress.work for progress in steps} == {SHORT.name}
    assert not (tmp_path / CHECKPOINT).exists()


def test_the_stream_alone_decides_what_it_draws(tmp_path):
    torch.manual_seed(1)
    first = prepared(tmp_path / "1", BRIEF).guess(RELEASE).images
    torch.manual_seed(2)
    assert torch.equal(prepared(tmp_path / "2", BRIEF).guess(RELEASE).images, first)
    other = BRIEF.prepare(view(tmp_path / "3"), stream(0, "another"))
    assert not torch.equal(other.guess(RELEASE).images, first)


def test_one_that_was_interrupted_goes_on_to_the_same_weights(tmp_path):
    with pytest.raises(InterruptedError):
        prepared(tmp_path / "1", SHORT, report=interrupting(10))
    steps = []
    prepared(tmp_path / "1", SHORT, report=lambda progress: steps.append(progress.step))
    prepared(tmp_path / "2", SHORT)
    assert min(steps) > 10
    assert (tmp_path / "1" / WEIGHTS).read_bytes() == (tmp_path / "2" / WEIGHTS).read_bytes()


def test_public_images_may_be_bytes(tmp_path):
    as_stored = Labelled(as_bytes(PUBLIC.images), PUBLIC.labels, PUBLIC.classes)
    as_read = Labelled(as_stored.images / 255, PUBLIC.labels, PUBLIC.classes)
    guesses = [
        prepared(tmp_path / str(number), BRIEF, public=public).guess(RELEASE).images for number, public in enumerate((as_stored, as_read))
    ]
    assert torch.equal(*guesses)
