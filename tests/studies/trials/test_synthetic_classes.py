from dataclasses import replace

import pytest
import torch

from dpm_flower.core.comparison import Ground, Trial
from dpm_flower.core.errors import SettingError
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.labelled import as_floats
from dpm_flower.core.progress import silent
from dpm_flower.data.sources import load
from dpm_flower.methods.memorisation_gate import MemorisationGate
from dpm_flower.methods.synthetic_images import SyntheticImages
from dpm_flower.studies.trials.synthetic_classes import Teaching
from tests.training.toys import CPU

FEW = Fitting(steps=2, learning_rate=1e-3, batch_size=8, weight_decay=0.0, schedule="cosine")
METHOD = SyntheticImages(noise=4, width=4, fitting=FEW, gate=MemorisationGate(alpha=0.01, tolerated=1.0))
FIVE = Fitting(steps=5, learning_rate=1e-2, batch_size=16)
SMALL = Teaching(name="one", taught_by="real", images=60, side=12, method=METHOD, fitting=FIVE, shown=4)


def run(folder, taught_by):
    ground = Ground(data="digits", seed=0, folder=folder, common=folder, compute=CPU, report=silent)
    return replace(SMALL, taught_by=taught_by).run(ground)


def test_what_stands_in_for_images_is_shown_beside_them_and_only_what_is_made_up_was_gated(tmp_path):
    found = {taught_by: run(tmp_path, taught_by) for taught_by in ("real", "synthetic", "class means")}
    assert {taught_by: set(one.pictures) for taught_by, one in found.items()} == {
        "real": {"real"},
        "synthetic": {"real", "synthetic"},
        "class means": {"real", "class means"},
    }
    assert all(0 <= one.figures["top1"] <= 1 for one in found.values())
    assert "synthetic_memorised" in found["synthetic"].figures
    assert set(found["real"].figures) == set(found["class means"].figures) == {"top1", "top5"}
    assert found["real"].figures["top1"] != found["class means"].figures["top1"]
    means, images = found["class means"].pictures["class means"], found["class means"].pictures["real"]
    assert float(means.std(0).mean()) < float(images.std(0).mean())  # of few classes


def test_whoever_has_the_means_may_use_them_without_a_network(tmp_path):
    """In a plain comparison: each test image against each class's mean. On digits it is right in nine of ten."""
    found = run(tmp_path, "nearest class mean")
    data = load("digits", SMALL.side)
    own, _ = SMALL._parted(data.train, Ground(data="digits", seed=0, folder=tmp_path, common=tmp_path, compute=CPU, report=silent))
    means = torch.stack([as_floats(own.images[own.labels == label]).mean(0) for label in range(10)])
    said = torch.cdist(as_floats(data.test.images).flatten(1), means.flatten(1)).argmin(1)
    assert found.figures == {"top1": pytest.approx(float((said == data.test.labels).float().mean()))}
    assert found.figures["top1"] > 0.7
    torch.testing.assert_close(found.pictures["nearest class mean"], means)


def test_more_images_than_there_are_are_refused(tmp_path):
    with pytest.raises(SettingError, match="wanted 1500 training images"):
        replace(SMALL, images=1000).run(Ground(data="digits", seed=0, folder=tmp_path, common=tmp_path, compute=CPU, report=silent))


@pytest.mark.parametrize("knobs", [{"taught_by": "noise"}, {"images": 1}, {"shown": 0}])
def test_knobs_that_cannot_work_are_refused(knobs):
    assert isinstance(SMALL, Trial)
    with pytest.raises(SettingError, match=r"taught_by must be one of|at least 2 images"):
        replace(SMALL, **knobs)
