"""Detection by two receivers in small: every row comes with its figures, the same each time."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from dpm_flower.attacks import kept_weights
from dpm_flower.core.comparison import Trial
from dpm_flower.core.errors import SettingError
from dpm_flower.core.shared import ModelUpdate
from dpm_flower.data.boxed_sources import load_boxed
from dpm_flower.methods.matched_poisoning import MatchedPoisoning
from dpm_flower.studies.trials import detection_attacks
from dpm_flower.studies.trials.averaged_rounds import averaged
from dpm_flower.studies.trials.detection import AveragedDeciders, OwnOnly, Pooled, Sharing, averaged_decider, own_deciders
from dpm_flower.studies.trials.detection_release import Release
from dpm_flower.studies.trials.detection_scene import Scene, _dealt
from dpm_flower.training.detection import BoxedExamples, train_detector
from dpm_flower.training.perturbation import GaussianNoise
from dpm_flower.training.privacy import PrivacyTerm
from tests.studies.trials.smears import ATTACKERS, FEW, POISONED, TASK, archive, ground
from tests.training.toys import CPU, equal, state_of

QUALITY = {"map50", "map50_95", "map50_z", "map50_a", "map50_b"}
ANCHORS = {f"{score}_{name}" for score in ("ssim", "inside") for name in ("floor", "ceiling", "ceiling_A0")}
ROWS = {
    "own": OwnOnly(name="own", task=TASK),
    "pooled": Pooled(name="pooled", task=TASK),
    "raw": Sharing(name="raw", method=None, task=TASK, attackers=ATTACKERS),
    "poisoned": Sharing(name="poisoned", method=POISONED, task=TASK, attackers=ATTACKERS),
    "averaged": AveragedDeciders(name="averaged", rounds=2, task=TASK),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("smears")
    archive(folder / "smears.npz")
    return folder


def here(place, name, **more):
    return ground(str(place / "smears.npz"), place, name, **more)


@pytest.fixture(scope="module")
def rows(place):
    return {name: trial.run(here(place, name)) for name, trial in ROWS.items()}


@pytest.fixture(scope="module")
def scene(place):
    return Scene.of(TASK, here(place, "scene"))


def told(*who):
    return {f"{score}_{one}" for score in ("ssim", "inside") for one in who} | ANCHORS


@pytest.mark.parametrize(
    ("row", "keys"),
    [
        ("own", QUALITY),
        ("pooled", {"map50", "map50_95"}),
        ("raw", QUALITY | {"map50_p", "sent_bytes"} | told("A0", "A4")),
        ("poisoned", QUALITY | {"map50_p", "sent_bytes"} | told("A0", "A2", "A3", "A4")),
        ("averaged", QUALITY | {"sent_bytes"}),
    ],
)
def test_every_row_has_its_figures(rows, row, keys):
    found = rows[row].figures
    assert {key for key in found if not key.startswith(("recovered", "disclosed"))} == keys
    assert all(math.isfinite(value) for value in found.values())
    assert all(0 <= value <= 1 for key, value in found.items() if key.startswith("map"))


def test_the_decider_as_received_is_the_same_in_all_rows(rows):
    assert len({found.figures["map50_z"] for name, found in rows.items() if name != "pooled"}) == 1


def test_raw_features_are_read_as_raw_features_are_and_take_their_bytes(rows):
    raw, poisoned = rows["raw"].figures, rows["poisoned"].figures
    for score in ("ssim", "inside"):
        assert raw[f"{score}_A0"] == pytest.approx(raw[f"{score}_ceiling_A0"], abs=2e-3)  # numbers of 16 bits are released
        assert raw[f"{score}_A4"] == pytest.approx(raw[f"{score}_ceiling"], abs=2e-3)
        assert raw[f"{score}_floor"] == poisoned[f"{score}_floor"]
        assert raw[f"{score}_ceiling"] == poisoned[f"{score}_ceiling"]
        assert raw[f"{score}_A4"] != poisoned[f"{score}_A4"]
    assert raw["map50_p"] == pytest.approx(raw["map50_z"], abs=1e-6)
    assert raw["sent_bytes"] == poisoned["sent_bytes"] > 6 * 32 * 16 * 20 * 2


def test_pictures_are_originals_and_guesses_of_what_was_not_leaked(scene, rows):
    assert list(rows["poisoned"].pictures) == ["images", "floor", "A0", "A2", "A3", "A4"]
    assert list(rows["raw"].pictures) == ["images", "floor", "A0", "A4"]
    assert {tuple(images.shape) for images in rows["poisoned"].pictures.values()} == {(2, 3, 32, 40)}
    assert torch.equal(rows["poisoned"].pictures["images"], scene.receivers["a"].images[2:4].float() / 255)


def test_the_same_ground_gives_the_same_figures_and_nothing_is_trained_twice(place, rows):
    works = []
    again = ROWS["poisoned"].run(here(place, "poisoned", report=lambda progress: works.append(progress.work)))
    assert again.figures == rows["poisoned"].figures
    assert not works
    fresh = ROWS["poisoned"].run(here(place, "poisoned again", report=lambda progress: works.append(progress.work)))
    assert fresh.figures == rows["poisoned"].figures
    assert set(works) == {"dpm", "decider a", "decider b", "reconstructor"}  # not the detector, nor the public networks


def test_no_image_is_in_two_hands(place, scene):
    parts = [scene.lead, scene.public, *scene.receivers.values(), scene.validation, scene.test]
    assert [len(part) for part in parts] == [7, 5, 6, 6, 4, 4]
    keys = [{image.numpy().tobytes() for image in part.images} for part in parts]
    assert len(set.union(*keys)) == sum(map(len, keys)) == 32
    lead, *_ = _dealt(TASK, load_boxed(str(place / "smears.npz")), here(place, "others", seed=1))
    assert not torch.equal(lead.images, scene.lead.images)


def test_each_receiver_learns_from_own_raw_features_and_from_what_the_other_released(place, scene, monkeypatch):
    given = {}

    def noting(scene, examples, owner, folder):
        given[owner] = examples
        return scene.nets.decider

    monkeypatch.setattr(Scene, "refined", noting)
    ROWS["raw"].run(here(place, "raw"))
    for owner, peer in (("a", "b"), ("b", "a")):
        own, others = scene.receivers[owner], scene.receivers[peer]
        assert all(torch.equal(*pair) for pair in zip(given[owner].boxes, own.boxes + others.boxes, strict=True))
        assert torch.equal(given[owner].inputs[:6], scene.raw(own.images))
        assert torch.equal(given[owner].inputs[6:], scene.raw(others.images).half().float())  # as they are released


def test_the_attacker_has_no_image_of_the_victim_but_those_that_leaked(place, scene, monkeypatch):
    victim, given = scene.receivers["a"], []
    known = {image.numpy().tobytes() for image in detection_attacks._known(scene).images}
    assert len(known) == len(scene.public) + len(scene.receivers["b"])
    assert not known & {image.numpy().tobytes() for image in victim.images}
    monkeypatch.setattr(kept_weights, "train_reconstructor", lambda network, features, images, *_, **__: given.append((features, images)))
    raw = scene.raw(victim.images)
    ATTACKERS._tuned(scene, scene.nets.reconstructor, Release(BoxedExamples.of(victim, raw), 0), place / "tuned")
    ((features, images),) = given
    assert torch.equal(features, raw[:2])
    assert torch.equal(images, victim.images[:2])


def test_an_owner_without_a_better_decider_keeps_the_one_it_received(scene, monkeypatch):
    class Found:
        def __init__(self, value):
            self.map50 = value

    for better, refined in ((0.3, False), (0.7, True)):
        monkeypatch.setattr(Scene, "precision", lambda _, decider, *__, to=better: Found(0.5 if decider is scene.nets.decider else to))
        assert all((decider is not scene.nets.decider) is refined for decider in own_deciders(scene).values())


def test_averaging_equal_deciders_gives_that_decider(scene):
    state = state_of(scene.nets.decider)
    assert equal(averaged([ModelUpdate(state, 3), ModelUpdate(state, 7)]), state)


def test_a_round_comes_to_the_mean_of_what_the_receivers_learnt_from_their_own(scene):
    before, once = state_of(scene.nets.decider), averaged_decider(scene, 1).state_dict()
    learnt = []
    for owner, part in scene.receivers.items():
        decider = copy.deepcopy(scene.nets.decider).requires_grad_(True)
        rng = scene.ground.stream("averaging", owner, "1")
        train_detector(decider, BoxedExamples.of(part, scene.raw(part.images)), FEW, compute=CPU, rng=rng, work="decider")
        learnt.append(ModelUpdate(decider.state_dict(), len(part)))
    assert equal(once, averaged(learnt))
    assert not equal(once, before)
    assert equal(state_of(scene.nets.decider), before)


def test_all_rounds_together_take_the_steps_of_one_refinement(place, scene):
    steps = []
    noting = here(place, "steps", report=lambda progress: steps.append((progress.work, progress.step)))
    averaged_decider(replace(scene, ground=noting), 2)
    assert [step for work, step in steps if work == "decider"] == [1] * 4  # two of two receivers, a step each


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: replace(TASK, public=0.0), "shares above 0"),
        (lambda: replace(TASK, public=0.5, lead=0.5), "leave something to the receivers"),
        (lambda: replace(TASK, refine=replace(FEW, patience=1)), "without patience, got 1"),
        (lambda: replace(ATTACKERS, pairs=1), "at least 2 pairs"),
        (lambda: replace(ATTACKERS, tuning=replace(FEW, patience=1)), "without patience, got 1"),
        (lambda: replace(ROWS["averaged"], rounds=0), "rounds must be at least 1, got 0"),
        (lambda: replace(ROWS["raw"], method=replace(POISONED, kind="backbone")), "a block kind of its own"),
        (lambda: replace(ROWS["raw"], method=replace(POISONED, perturbation=GaussianNoise(sigma=1.0))), "without perturbation"),
        (lambda: replace(ROWS["raw"], method=replace(POISONED, privacy=PrivacyTerm())), "without perturbation, privacy"),
        (lambda: replace(ROWS["raw"], method=MatchedPoisoning(kind=POISONED.kind)), r"release terms, got MatchedPoisoning\("),
    ],
)
def test_knobs_that_cannot_work_are_refused(make, reason):
    with pytest.raises(SettingError, match=reason):
        make()


def test_more_pairs_than_images_are_refused(scene):
    victim = scene.receivers["a"]
    release = Release(BoxedExamples.of(victim, scene.raw(victim.images)), 0)
    with pytest.raises(SettingError, match="fewer pairs than the 6 images of the victim, got 6"):
        replace(ATTACKERS, pairs=6).asked(scene, None, nn.Identity(), release)


def test_rows_are_trials_whose_reprs_name_their_knobs():
    assert all(isinstance(row, Trial) for row in ROWS.values())
    assert len({repr(row) for row in ROWS.values()}) == len(ROWS)
