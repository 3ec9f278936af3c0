"""The sweep over backbones with networks that have hardly begun to learn: every figure of the paper's table, for every backbone."""

from dataclasses import replace

import numpy as np
import pytest

from dpm_flower.apps.study_command import run
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.sweep import Sweep
from dpm_flower.studies.sweep_files import read_sweep
from simulations import table1_2

FEW = Fitting(steps=2, batch_size=8, learning_rate=1e-3)


def small(study):
    arms = tuple(replace(arm, method=replace(arm.method, blocks=1, fitting=FEW)) for arm in study.arms)
    partition = replace(study.partition, public=0.2)
    return replace(study, arms=arms, partition=partition, pretrain=FEW, reconstruct=FEW, lead_threads=1, pictures=2)


SMALL = (table1_2.SWEEP.variants[0], table1_2.SWEEP.variants[2])  # a ResNet and the VGG
SWEEP = replace(table1_2.SWEEP, variants=tuple((label, small(study)) for label, study in SMALL))


@pytest.fixture
def images(tmp_path):
    """Coloured noise of 32 x 32 pixels: 60 images to train on and 20 to test on, in ten classes."""
    rng = np.random.default_rng(0)
    parts = {f"x_{part}": rng.integers(0, 256, (number, 32, 32, 3), dtype=np.uint8) for part, number in (("train", 60), ("test", 20))}
    path = tmp_path / "images.npz"
    np.savez(path, **parts, y_train=np.arange(60) % 10, y_test=np.arange(20) % 10)
    return path


def test_each_backbone_has_both_rows_with_every_figure_and_nothing_is_missing(images, tmp_path):
    assert run("tests.simulations.test_table1_2", str(images), "", tmp_path, in_process=True, cpus_per_client=1) == 0
    for variant in read_sweep(tmp_path).variants:
        rows = [row for row in variant.rows if not row.trained]
        assert [(row.arm, row.entity) for row in rows] == [("DPM (labels, the paper's)", "a"), ("DPM (activations)", "a")]
        for row in rows:
            assert row.missing == ()
            keys = {f"{name}_{side}" for name in ("top1", "top5", "l1", "ssim", "windowed_ssim") for side in "zp"}
            assert keys <= set(row.figures)
            assert row.figures["top1_z"].mean == pytest.approx(variant.rows[0].figures["top1"].mean)  # as received, on the same images


def test_the_variants_differ_in_the_backbone_only():
    assert isinstance(table1_2.SWEEP, Sweep)
    assert len({repr(replace(study, name="", backbone="resnet20", hook="conv3_1")) for _, study in table1_2.SWEEP.variants}) == 1
    assert table1_2.SWEEP.labels == tuple(study.backbone for _, study in table1_2.SWEEP.variants)
