import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from dpm_flower.core.comparison import Trial
from dpm_flower.core.errors import DataError, SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.studies.trials.attribute_scene import AttributeTask, Scene
from dpm_flower.studies.trials.obfuscation import Protecting, recovered
from dpm_flower.studies.trials.protections import NoProtection, Obfuscated, Poisoned
from dpm_flower.training.perturbation import GaussianNoise
from tests.studies.trials.faces import FEW, OBFUSCATED, POISONED, TASK, archive, ground

FROM_RAW = {
    "utility_map",
    "utility_map_chance",
    "privacy_map_chance",
    "privacy_map_labels",
    "ssim_floor",
    "ssim_ceiling",
    "l1_floor",
    "l1_ceiling",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return archive(tmp_path_factory.mktemp("faces") / "faces.npz")


def trial(protection, **changes):
    return Protecting(name="row", protection=protection, **({"task": TASK, "pairs": 8, "tuning": FEW, "shown": 4} | changes))


@pytest.fixture(scope="module")
def rows(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    kinds = {"none": NoProtection(), "obfuscated": OBFUSCATED, "poisoned": POISONED}
    return {name: trial(protection).run(replace(ground(data, folder), folder=folder / name)) for name, protection in kinds.items()}


@pytest.mark.parametrize(("row", "attackers"), [("none", "A0 A4"), ("obfuscated", "A0 A2 A3 A4"), ("poisoned", "A0 A2 A3 A4")])
def test_every_attacker_of_a_row_has_its_figures_and_pictures(rows, row, attackers):
    found, who = rows[row], attackers.split()
    images = {f"{score}_{one}" for score in ("ssim", "l1") for one in who}
    attributes = {f"privacy_map_{one}" for one in who if one != "A3"}
    assert {key for key in found.figures if "_ap" not in key} == FROM_RAW | images | attributes
    for mean in ("utility_map", *attributes):
        each = [value for key, value in found.figures.items() if key.startswith(f"{mean.replace('_map', '_ap')}.")]
        assert found.figures[mean] == pytest.approx(sum(each) / len(each))
    assert all(math.isfinite(value) for value in found.figures.values())
    assert list(found.pictures) == ["images", *who]
    assert all(
        tuple(images.shape) == (4, 3, 12, 12) and 0 <= float(images.min()) <= float(images.max()) <= 1 for images in found.pictures.values()
    )


def test_what_no_protection_touches_is_the_same_in_all_rows(rows):
    for key in FROM_RAW - {"utility_map"}:
        assert len({found.figures[key] for found in rows.values()}) == 1, key
    assert rows["none"].figures["ssim_A0"] == rows["none"].figures["ssim_ceiling"]  # what A0 gets from raw features
    for key in ("utility_map", "ssim_A0", "privacy_map_A4"):
        assert len({found.figures[key] for found in rows.values()}) == 3, key


def test_what_was_recovered_is_a_share_of_what_raw_features_show():
    floor, ceiling = torch.full((4,), 0.2), torch.full((4,), 0.6)
    assert recovered(floor, floor, ceiling) == (0.0,)
    assert recovered(ceiling, floor, ceiling) == (1.0,)
    assert recovered(torch.full((4,), 0.3), floor, ceiling) == pytest.approx((0.25,))
    assert recovered(floor, floor, floor) == recovered(floor, ceiling, floor) == ()


def test_the_same_ground_gives_the_same_figures_and_another_seed_others(data, rows, tmp_path):
    again = trial(OBFUSCATED).run(replace(ground(data, tmp_path), folder=tmp_path / "obfuscated")).figures
    assert again == rows["obfuscated"].figures
    assert trial(OBFUSCATED).run(ground(data, tmp_path / "other", seed=1)).figures != again


def test_what_was_trained_is_not_trained_again(data, tmp_path):
    works = []
    first = trial(POISONED).run(ground(data, tmp_path, report=lambda progress: works.append(progress.work)))
    once = set(works)
    works.clear()
    second = trial(POISONED).run(ground(data, tmp_path, report=lambda progress: works.append(progress.work)))
    assert first.figures == second.figures
    assert set(works) == {"labels"} < once


def test_other_trials_find_the_public_networks_and_another_task_has_its_own(data, tmp_path):
    one, other = (Scene.of(TASK, replace(ground(data, tmp_path), folder=tmp_path / name)) for name in ("a", "b"))
    assert one.nets.digest() == other.nets.digest()
    assert len(list((tmp_path / "common").iterdir())) == 1
    Scene.of(replace(TASK, own=0.4), ground(data, tmp_path))
    assert len(list((tmp_path / "common").iterdir())) == 2


def test_nobody_learns_from_the_images_that_all_are_judged_by(data, tmp_path):
    scene = Scene.of(replace(TASK, own=0.3), ground(data, tmp_path))
    assert [len(part) for part in (scene.own, scene.public, scene.test)] == [12, 28, 16]
    keys = [{image.numpy().tobytes() for image in part.images} for part in (scene.own, scene.public, scene.test)]
    assert len(keys[0] | keys[1] | keys[2]) == sum(map(len, keys))
    assert scene.test.names[: TASK.utility] == ("blue", "red")
    assert torch.equal(scene.useful(scene.test), 1 - scene.private(scene.test))


def test_who_knows_the_useful_attributes_may_know_the_private_ones(data, tmp_path):
    """Here they are the same the other way round: a protection that leaves the first can't hide the second, and the row says so."""
    assert trial(NoProtection()).run(ground(data, tmp_path)).figures["privacy_map_labels"] > 0.99


def test_a_shadow_of_a_secret_protection_is_another_module(data, tmp_path):
    scene = Scene.of(TASK, ground(data, tmp_path))
    for protection in (OBFUSCATED, POISONED):
        kind = type(protection).__name__
        victim, shadow = (protection.fitted(scene, scene.own, owner, tmp_path / f"{kind} {owner}") for owner in ("entity", "attacker"))
        assert not torch.allclose(victim.leaving(scene.test.images), shadow.leaving(scene.test.images))


def test_data_without_private_attributes_or_images_is_refused(data, tmp_path):
    with pytest.raises(DataError, match="more attributes than the 4 of the task, got 4"):
        trial(NoProtection(), task=replace(TASK, utility=4)).run(ground(data, tmp_path))
    with pytest.raises(DataError, match="at least 2 images for the entity and the public, got 0 and 40"):
        trial(NoProtection(), task=replace(TASK, own=0.01)).run(ground(data, tmp_path))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: AttributeTask(own=1.0), "0 < own < 1"),
        (lambda: AttributeTask(utility=0), "at least one utility attribute"),
        (lambda: AttributeTask(side=30), "a multiple of 4, got 30"),
        (lambda: AttributeTask(read=Fitting(steps=1, learning_rate=1.0, patience=1)), "without patience, got 1"),
        (lambda: trial(NoProtection(), pairs=1), "at least 2 pairs"),
        (lambda: trial(NoProtection(), shown=0), "1 picture shown"),
        (lambda: replace(OBFUSCATED, classifier_rate=0.0), "classifier_rate must be > 0"),
        (lambda: Poisoned(DeepPoisoning(equivalence="response")), "without perturbation and response"),
        (lambda: Poisoned(DeepPoisoning(perturbation=GaussianNoise(sigma=1.0))), "without perturbation and response"),
    ],
)
def test_knobs_that_cannot_work_are_refused(make, reason):
    with pytest.raises(SettingError, match=reason):
        make()


def test_rows_are_trials_whose_reprs_name_their_knobs():
    rows = [trial(protection) for protection in (NoProtection(), OBFUSCATED, POISONED)]
    assert all(isinstance(row, Trial) for row in rows)
    assert len({repr(row) for row in rows}) == 3
    assert not any(" at 0x" in repr(row) for row in rows)
    assert [isinstance(row.protection, Obfuscated) for row in rows] == [False, True, False]
    assert np.all([row.protection.is_secret for row in rows[1:]])
