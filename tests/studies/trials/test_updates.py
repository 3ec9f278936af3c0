"""The comparison of averaging and releases in small: every trial comes with its figures, the same each time."""

from dataclasses import replace

import pytest
import torch

from dpm_flower.attacks.inverse import Inverse
from dpm_flower.attacks.membership import LikelihoodRatio
from dpm_flower.attacks.shadow import Shadow
from dpm_flower.attacks.update_inversion import UpdateInversion
from dpm_flower.core.comparison import Ground
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Shares
from dpm_flower.core.progress import silent
from dpm_flower.methods.drawn_features import DrawnFeatures
from dpm_flower.methods.nothing import Nothing
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.studies.own_audits import LEAKAGES
from dpm_flower.studies.trials import updates
from dpm_flower.studies.trials.regime_scene import scene_of
from dpm_flower.studies.trials.updates import Asked, AveragingTrial, not_applicable
from simulations.updates import COMPARISON, METHODS, SCENE
from tests.training.toys import CPU

FEW = Fitting(steps=2, batch_size=64, learning_rate=1e-3)
TINY = replace(
    SCENE,
    side=12,
    partition=Shares(entities=(("a", 0.04), ("b", 0.03), ("peer", 0.03)), public=0.04, validation=0.2),
    attacks=(Shadow(inverse=Inverse(blocks=1, fitting=replace(FEW, steps=60, learning_rate=3e-3))),),
    pretrain=replace(FEW, steps=20, learning_rate=1e-2),
    reconstruct=FEW,
    refine=FEW,
    pictures=2,
)
ASKED = Asked(inversion=UpdateInversion(steps=2), in_decider=LikelihoodRatio(shadows=4), victims=3, members=30, others=100)
MEMBERS = {f"{level}_{name}" for level in ("u2", "l3") for name in ("auc", "tpr")}


def tiny(trial):
    small = replace(trial, study=TINY, asked=ASKED)
    return replace(small, arm=replace(trial.arm, rounds=2), round=min(trial.round, 2)) if isinstance(trial, AveragingTrial) else small


TRIALS = {trial.name: tiny(trial) for trial in COMPARISON.trials}


def ground(folder, name="trial"):
    common = folder / "common"
    common.mkdir(parents=True, exist_ok=True)
    return Ground(data="digits", seed=0, folder=folder / name, common=common, compute=CPU, report=silent)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where the networks are trained once for these tests."""
    return tmp_path_factory.mktemp("updates")


@pytest.mark.parametrize("part", ["network", "decider"])
def test_the_last_round_of_averaging_has_all_of_its_figures(part, place):
    found = TRIALS[f"FedAvg, {part}, last round"].run(ground(place, part))
    assert MEMBERS | {"top1", "u1_ssim", "u1_floor", "u1_ceiling"} <= set(found.figures)
    assert all(0 <= found.figures[key] <= 1 for key in MEMBERS)
    assert set(found.pictures) == {"victims", "guesses", "label alone", "one image's gradient"}
    assert {tuple(row.shape) for row in found.pictures.values()} == {(3, 3, 12, 12)}


def test_the_first_round_repeats_itself_and_nobody_has_refined_anything_yet(place):
    trial = TRIALS["FedAvg, decider, first round"]
    first, second = (trial.run(ground(place, name)) for name in ("first", "second"))
    assert first.figures == second.figures
    assert not any(key.startswith("l3") for key in first.figures)
    assert {"u1_ssim", "u2_auc"} <= set(first.figures)


def test_a_release_has_a_headline_in_the_place_of_what_updates_tell(place):
    found = TRIALS["own + raw features"].run(ground(place, "raw"))
    assert {"l3_auc", "l3_tpr", "top1"} <= set(found.figures)
    assert not any(key.startswith(("u1_", "u2_")) for key in found.figures)
    assert "headline_p" in found.figures
    (sentence,) = not_applicable({("own + raw features", 0): found.figures, ("FedAvg", 0): {"u1_ssim": 0.1}})
    assert sentence.startswith("U1 and U2 do not apply to own + raw features: a release holds no model update")
    assert not_applicable({("FedAvg", 0): {"u1_ssim": 0.1}}) == ()


def test_of_a_release_that_leaves_classes_out_the_images_of_the_others_alone_are_victims(place, monkeypatch):
    here = ground(place, "drawn")
    scene = scene_of(here, TINY)
    train = scene.sender.train
    sender = replace(scene.sender, train=train.take(torch.arange(1, len(train))))  # one class has an image fewer than the others
    monkeypatch.setattr(updates, "scene_of", lambda *_: replace(scene, sender=sender))
    counts = torch.bincount(sender.train.labels)
    method = DrawnFeatures(neighbours=99, least=int(counts.max()))
    found = replace(TRIALS["own + raw features"], method=method).run(here)
    assert {"l3_auc", "top1"} <= set(found.figures)
    leakage = LEAKAGES.read(sender.site.leakage(sender.campaign, repr(method)))
    assert leakage.images == int(counts[counts >= method.least].sum()) < len(sender.train)


def test_nobody_s_images_are_another_s_and_candidates_are_half_the_sender_s(place):
    here = ground(place, "scene")
    scene = scene_of(here, TINY)
    both, inside = scene.candidates(here, 20, 30)
    assert (len(both), int(inside.sum())) == (50, 20)
    assert bool((both.images[inside] == scene.sender.train.images[:20]).all())
    sets = [{image.numpy().tobytes() for image in images} for images in (both.images, scene.own.images, scene.receiver.train.images)]
    assert not sets[0] & sets[1]
    assert not sets[0] & sets[2]


def test_the_comparison_has_the_rows_that_it_promises():
    names = [f"FedAvg, {part}, {which} round" for part in ("network", "decider") for which in ("first", "last")]
    assert [trial.name for trial in COMPARISON.trials] == [*names, *METHODS]


def test_what_cannot_be_tried_is_refused(place):
    averaging = TRIALS["FedAvg, network, first round"]
    assert isinstance(averaging, AveragingTrial)
    with pytest.raises(SettingError, match="round must lie from 1 to 2, got 5"):
        replace(averaging, round=5)
    with pytest.raises(SettingError, match="victims must be 2 to 16, got 17"):
        Asked(victims=17)
    with pytest.raises(SettingError, match="wanted three entities"):
        scene_of(ground(place), replace(TINY, partition=Shares(entities=(("a", 0.1), ("b", 0.1)))))
    release = TRIALS["own + raw features"]
    for method, why in ((Nothing(), "shares something, got nothing"), (RawImages(), "refined on features, got SharedImages")):
        with pytest.raises(SettingError, match=why):
            replace(release, method=method, study=replace(TINY, attacks=())).run(ground(place, method.name))
