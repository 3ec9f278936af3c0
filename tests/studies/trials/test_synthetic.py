from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dpm_flower.core.comparison import Ground, Trial
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.progress import silent
from dpm_flower.data.masks import load_masks
from dpm_flower.methods.dual_gan import PairMaker
from dpm_flower.methods.synthetic_pairs import guarded_pairs
from dpm_flower.studies.trials.copied_pairs import copied
from dpm_flower.studies.trials.segmenter import parted
from dpm_flower.studies.trials.synthetic import Segmenting
from tests.studies.trials.vessel_archive import written
from tests.training.toys import CPU

FEW = Fitting(steps=2, learning_rate=1e-3, batch_size=4, weight_decay=0.0, schedule="cosine")
MAKER = PairMaker(width=4, noise=4, translator=4, mask_fitting=FEW, photograph_fitting=FEW)
SMALL = Segmenting(
    name="synthetic",
    pairs="synthetic",
    side=16,
    patch=8,
    width=4,
    maker=MAKER,
    fitting=Fitting(steps=20, learning_rate=2e-2, batch_size=8),
    shown=3,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return written(tmp_path_factory.mktemp("vessels") / "a.npz")


def ground(data, folder):
    return Ground(data=data, seed=0, folder=folder, common=folder / "common", compute=CPU, report=silent)


def test_real_patches_teach_without_any_generator(data, tmp_path):
    found = replace(SMALL, name="real", pairs="real").run(ground(data, tmp_path))
    assert set(found.figures) == {"f1", "auc", "threshold", "trained_on"}
    assert found.figures["auc"] > 0.9
    assert found.figures["trained_on"] == 10 * 4  # of 12 training photographs one of each data set is held out
    assert not (tmp_path / "common").exists()
    assert {name: len(row) for name, row in found.pictures.items()} == {"real photographs": 3, "real masks": 3}


def test_generators_are_trained_once_for_all_trials_and_say_what_was_copied(data, tmp_path, monkeypatch):
    one = SMALL.run(ground(data, tmp_path))
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "common").rglob("*.safetensors")}
    assert len(kept) == 2
    both = replace(SMALL, name="both", pairs="both").run(ground(data, tmp_path))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "common").rglob("*.safetensors")} == kept
    assert both.figures["trained_on"] == 2 * one.figures["trained_on"] == 80
    copied = {key: value for key, value in one.figures.items() if key.startswith(("photograph_", "mask_"))}
    assert copied.items() <= both.figures.items()
    assert {f"{what}_{key}" for what in ("photograph", "mask") for key in ("memorised", "nearest", "nearness", "membership_auc")} == set(
        copied
    )
    assert torch.equal(one.pictures["synthetic masks"], both.pictures["synthetic masks"])
    assert set(one.pictures) == {"real photographs", "real masks", "synthetic masks", "synthetic photographs"}


def test_a_photograph_in_another_tint_is_a_copy(data):
    training = load_masks(Path(data)).train.patches(8)
    known, others = training.take(torch.arange(0, 24)), training.take(torch.arange(24, 40))
    tint = torch.tensor([0.9, 0.5, 0.3]).view(1, 3, 1, 1)
    found = copied(replace(known, images=(known.images * tint).byte()), guarded_pairs(known, others))
    assert found["photograph_memorised"] == 1.0
    assert found["photograph_membership_auc"] > 0.99


def test_no_photograph_is_held_out_and_learnt_from(data, tmp_path):
    training = load_masks(Path(data)).train
    chosen, kept = parted(training, 0.2, ground(data, tmp_path))
    assert (len(chosen), kept.source.tolist()) == (10, [0, 1])
    assert not any(torch.equal(one, other) for one in kept.images for other in chosen.images)
    with pytest.raises(SettingError, match="all of them held out"):
        parted(training.take(torch.tensor([0, 6])), 0.2, ground(data, tmp_path))


@pytest.mark.parametrize("knobs", [{"pairs": "none"}, {"held_out": 0.0}, {"patch": 32}, {"shown": 0}])
def test_knobs_that_cannot_work_are_refused(knobs):
    assert isinstance(SMALL, Trial)
    with pytest.raises(SettingError, match=r"pairs must be one of|wanted 0 < held_out < 1"):
        replace(SMALL, **knobs)
    for wrong in ({"l1_weight": -1.0}, {"mode_seeking": -1.0}):
        with pytest.raises(SettingError, match="l1_weight and mode_seeking must be >= 0"):
            PairMaker(**wrong)
