"""The study of perturbations with networks that have hardly begun to learn: every row comes, with the figures that its table needs."""

import csv
from dataclasses import replace

import pytest

from dpm_flower.apps.study_command import run
from dpm_flower.core.figures import FIGURES
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.streams import stream
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.nets.public_nets import PublicNets
from dpm_flower.training.perturbation_strength import ladder, strength_of
from simulations import table3

FEW = Fitting(steps=2, batch_size=8, learning_rate=1e-3)


def small(method):
    return replace(method, blocks=1, fitting=FEW) if isinstance(method, DeepPoisoning) else method


STUDY = replace(
    table3.STUDY,
    data="digits",
    side=12,
    partition=replace(table3.STUDY.partition, entities=(("a", 0.05),), public=0.1),
    arms=tuple(replace(arm, method=small(arm.method)) for arm in table3.STUDY.arms),
    pretrain=replace(FEW, steps=20, learning_rate=1e-2),
    reconstruct=FEW,
    lead_threads=1,
    pictures=1,
)
ROWS = ("none", "GN", "GF", "MF", "DPM", "GN + DPM", "GF + DPM", "MF + DPM")


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    folder = tmp_path_factory.mktemp("table3")
    assert run("tests.simulations.test_table3:STUDY", "", "", folder, in_process=True, cpus_per_client=1) == 0
    with (folder / "results.csv").open(newline="") as file:
        return {row["arm"]: row for row in csv.DictReader(file)}


def test_every_row_of_the_paper_s_table_comes_with_its_figures(cells):
    assert set(cells) == {"D as received", *ROWS}
    for name in ROWS:
        for figure in ("top1_z", "top1_p", "ssim_z", "ssim_p"):
            assert -1 <= float(cells[name][figure]) <= 1, (name, figure)
        assert not cells[name]["top1"]  # nobody trains on these releases


def test_raw_features_and_every_protection_of_them_differ(cells):
    assert float(cells["none"]["ssim_p"]) == pytest.approx(float(cells["none"]["ssim_z"]), abs=1e-3)
    released = [cells[name]["ssim_p"] for name in ROWS]
    assert len(set(released)) == len(ROWS)


def test_each_perturbed_row_says_how_strong_and_how_costly_it_is(cells):
    for name in ROWS:
        perturbed = name not in ("none", "DPM")
        assert bool(cells[name]["perturbation_strength"]) == perturbed
        assert bool(cells[name]["perturbation_drop"]) == perturbed
        assert cells[name]["perturbation_drop_wanted"] == (str(table3.DROP) if perturbed else "")


def test_a_perturbation_is_as_strong_alone_as_before_the_module(cells):
    for alone, _ in table3.PERTURBATIONS:
        for figure in ("perturbation_strength", "perturbation_drop"):
            assert cells[alone][figure] == cells[f"{alone} + DPM"][figure]


def test_each_perturbation_costs_what_it_should_or_is_the_strongest_there_is(cells):
    channels_and_sides = PublicNets.assemble(STUDY.backbone, STUDY.hook, STUDY.side, 10, stream(0)).spec.shape
    for alone, perturbation in table3.PERTURBATIONS:
        strongest = ladder(perturbation.family, max(channels_and_sides[1:]))[-1]
        reached = float(cells[alone]["perturbation_drop"]) >= table3.DROP
        assert reached or float(cells[alone]["perturbation_strength"]) == strength_of(strongest)


def test_the_table_s_columns_are_figures_of_these_rows(cells):
    keys = [key for name in table3.STUDY.columns for key in FIGURES[name].keys]
    assert all(cells["MF + DPM"][key] for key in keys)


def test_the_paper_s_rows_are_there_and_only_the_paper_s():
    assert tuple(arm.name for arm in table3.STUDY.arms) == ROWS
    assert {arm.refine for arm in table3.STUDY.arms} == {"none"}
    families = {name: perturbation.family for name, perturbation in table3.PERTURBATIONS}
    assert families == {"GN": "gaussian-noise", "GF": "gaussian-filter", "MF": "mean-filter"}
    for name, perturbation in table3.PERTURBATIONS:
        assert table3.STUDY.arm(name).method.perturbation == perturbation
        assert table3.STUDY.arm(f"{name} + DPM").method == replace(table3.POISONING, perturbation=perturbation)
