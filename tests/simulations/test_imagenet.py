"""The paper's sizes are values that hold together, and run, made small, on a folder in ImageNet's layout."""

import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from dpm_flower.apps.study_command import run
from dpm_flower.apps.sweep_run import SweepOrder
from dpm_flower.core.arms import SharingArm
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.streams import stream
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.studies.results_files import read_results
from simulations import imagenet
from simulations.imagenet import ALONE, COLLABORATION, SWEEP

FEW = Fitting(steps=2, batch_size=4, learning_rate=1e-3)
PAPER = SWEEP.study("resnet50")
SMALL = replace(
    PAPER,
    side=32,
    backbone="resnet18",
    partition=replace(PAPER.partition, entities=(("a", 1.0),), public=1.0, public_classes=2, validation=0.2),
    arms=tuple(replace(arm, method=replace(arm.method, blocks=1, fitting=FEW)) for arm in PAPER.arms if isinstance(arm, SharingArm)),
    pretrain=FEW,
    reconstruct=FEW,
    pictures=2,
)


@pytest.fixture
def folder(tmp_path):
    """Five classes with five images each, of different sizes, as torchvision unpacks them."""
    rng = np.random.default_rng(0)
    for part, number in (("train", 5), ("val", 2)):
        for name in range(5):
            place = tmp_path / "imagenet" / part / f"n{name:08d}"
            place.mkdir(parents=True)
            for image in range(number):
                pixels = rng.integers(0, 256, (36 + image, 40, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(place / f"n{name:08d}_{image}.JPEG")
    return tmp_path / "imagenet"


def test_made_small_it_runs_on_a_folder_of_that_layout(folder, tmp_path):
    name = "tests.simulations.test_imagenet:SMALL"
    assert run(name, str(folder), "", tmp_path / "out", in_process=True, cpus_per_client=1) == 0
    results = read_results(tmp_path / "out")
    assert results.settings["data"] == f"imagenet:{folder}"
    assert sum(sum(holding.counts) for holding in results.facts.holdings) == 3 * 5
    assert sum(results.facts.public) == 2 * 5
    assert all({"l1_z", "l1_p", "ssim_z", "ssim_p", "top1_z"} <= set(row.figures) for row in results.rows if not row.trained)


def test_every_variant_takes_the_folder_that_is_given(tmp_path):
    order = SweepOrder(SWEEP, "simulations.imagenet", str(tmp_path), "")
    assert {order.variant(label).study.data for label in SWEEP.labels} == {f"imagenet:{tmp_path}"}


def test_the_memory_that_is_told_is_that_of_the_arrays():
    spec = PublicNets.assemble(PAPER.backbone, PAPER.hook, 224, 500, stream(0, "test")).spec
    features, image = 4 * math.prod(spec.shape), 4 * 3 * 224**2  # bytes, as floats
    told = " ".join(imagenet.__doc__.split())
    each = 2.5 * features + 2 * image
    assert (f"{features / 1e6:.2f} MB of features", f"{image / 1e6:.2f} MB twice") == ("0.80 MB of features", "0.60 MB twice")
    assert "0.80 MB of features as shared" in told
    assert "0.60 MB twice" in told
    assert f"{each / 1e6:.1f} MB in all" in told
    held = [round(640_000 * 0.1 * (1 - study.partition.validation)) for study in (COLLABORATION, ALONE)]
    assert f"{held[0] / 1e3:.0f},000 to {held[1] / 1e3:.0f},000" in told
    assert f"{20 * round(each * held[0] / 2e10)} to {20 * round(each * held[1] / 2e10)} GB" in told
    assert (
        f"{628_000 * each / 1e12:.1f} TB ({628_000 * features / 1e9:.0f} GB of features as shared, {628_000 * image / 1e9:.0f} GB" in told
    )


def test_modules_and_messages_have_the_time_that_they_need():
    for _, study in SWEEP.variants:
        fittings = {arm.method.fitting for arm in study.arms if isinstance(getattr(arm, "method", None), DeepPoisoning)}
        assert fittings == {imagenet.POISONING}
        assert study.phase_timeout_s > 7 * imagenet.DAY_S
        assert study.pretrain.steps_for(57_652) == 90 * (57_652 // 512)
        assert study.refine.steps_for(57_652) == 20 * (57_652 // 512)


def test_the_sizes_are_the_papers():
    assert {study.side for _, study in SWEEP.variants} == {224}
    assert {study.partition.public_classes for _, study in SWEEP.variants} == {500}
    assert dict(SWEEP.study("collaboration").partition.entities) == {"a": 0.1, "b": 0.1, "c": 0.1, "d": 0.01}
    assert (SWEEP.study("resnet50").backbone, SWEEP.study("resnet101").backbone) == ("resnet50", "resnet101")
    assert imagenet.at_full_size(ALONE, "resnet50") == PAPER


def test_the_paper_cuts_where_resnet50_can_be_cut():
    spec = PublicNets.assemble(PAPER.backbone, PAPER.hook, 64, 500, stream(0, "test")).spec
    assert (spec.hook, spec.shape, spec.non_negative) == ("conv4_1", (1024, 4, 4), True)
