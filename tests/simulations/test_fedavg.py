"""The tuning of federated averaging with networks that have hardly begun to learn: every setting runs, and validation images choose."""

import csv
from collections import Counter
from dataclasses import replace
from itertools import product
from statistics import fmean

import pytest

from dpm_flower.apps.study_command import run
from dpm_flower.core.arms import AveragingArm
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Shares
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.regime.averaging import local_fitting
from dpm_flower.regime.round import Round
from dpm_flower.studies import run as study_run
from dpm_flower.studies.results_files import read_results
from simulations import fedavg

FEW = Fitting(steps=2, batch_size=8, learning_rate=1e-3)
POISONING = DeepPoisoning(blocks=1, fitting=FEW)
AVERAGING = [arm for arm in fedavg.STUDY.arms if isinstance(arm, AveragingArm)]
# of each part and start one pass over the own images, and from the lead's weights the budget's steps as well
SETTINGS = [("lead", 4, None, None), ("lead", 4, 1, 1e-2), ("scratch", 20, 1, 1e-2)]
TRIED = [arm for arm in AVERAGING if (arm.start, arm.rounds, arm.local_epochs, arm.learning_rate) in SETTINGS]
STUDY = replace(
    fedavg.STUDY,
    data="digits",
    side=12,
    partition=Shares(entities=(("a", 0.05), ("b", 0.04)), public=0.1, validation=0.2),
    arms=(replace(fedavg.STUDY.arm("shared decider"), method=POISONING, rounds=2), *(replace(arm, rounds=2) for arm in TRIED)),
    seeds=(0,),
    pretrain=FEW,
    reconstruct=FEW,
    refine=FEW,
    augment="none",
    lead_threads=1,
    pictures=1,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("fedavg")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study_run, "write_report", lambda *_: None)  # charts take longer than all of the training
        assert run("tests.simulations.test_fedavg:STUDY", "", "", made, in_process=True, cpus_per_client=1) == 0
    return made


def test_the_grid_has_the_same_settings_for_each_part_and_start():
    local = {(None, None), *((1, rate) for rate in fedavg.RATES)}
    for part in ("network", "decider"):
        for start, rounds in (("lead", {4, 12}), ("scratch", {20})):
            tried = [arm for arm in AVERAGING if (arm.part, arm.start) == (part, start)]
            knobs = {(arm.rounds, (arm.local_epochs, arm.learning_rate)) for arm in tried}
            assert knobs == set(product(rounds, local))
            assert len(tried) == len(knobs)
    assert len({arm.name for arm in AVERAGING}) == len(AVERAGING) == 18


def test_the_steps_are_as_many_as_are_told():
    """Of the 2,500 images that a large entity holds, nine tenths train."""
    for start, told in (("lead", "1,720"), ("scratch", "2,400")):
        steps = 0
        for arm in AVERAGING:
            if (arm.part, arm.start) == ("network", start):
                locals_ = [local_fitting(fedavg.STUDY, arm, Round(number, arm.rounds), 2250) for number in range(1, arm.rounds + 1)]
                steps += sum(local.fitting.steps for local in locals_ if local)
        assert f"{steps:,}" == told
        assert told in fedavg.__doc__


def test_every_setting_comes_to_figures(folder):
    cells = read_results(folder).cells
    assert len(TRIED) == 6
    assert {cell.reason for cell in cells} == {""}
    assert {cell.arm for cell in cells} == {"D as received", *(arm.name for arm in STUDY.arms)}
    assert all(0 <= cell.quality["top1"] <= 1 for cell in cells)


def test_a_deciders_messages_are_smaller_than_a_networks(folder):
    sent = {cell.arm: cell.costs["bytes_sent"] for cell in read_results(folder).cells if cell.entity == "a"}
    networks, deciders = ([sent[arm.name] for arm in TRIED if arm.part == part] for part in ("network", "decider"))
    assert 0 < max(deciders) < min(networks)
    assert len(set(networks)) == len(set(deciders)) == 1  # as many rounds, wherever they start


def test_the_chosen_setting_is_the_best_on_validation_images(folder):
    results = read_results(folder)
    assert [tuning.method for tuning in results.tunings] == [
        f"FedAvg of the {part} from the lead's weights" for part in ("network", "decider")
    ]
    for tuning in results.tunings:
        means = {
            each.arm: fmean(cell.quality["validation_top1"] for cell in results.cells if cell.arm == each.arm) for each in tuning.candidates
        }
        assert len(means) == 2
        assert means[tuning.chosen] == max(means.values())


def test_each_round_is_a_line_of_the_curves(folder):
    with (folder / "curves.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert {line["arm"] for line in lines} == {arm.name for arm in STUDY.arms}
    assert Counter(line["round"] for line in lines) == {"1": 14, "2": 14}
    for line in lines:
        assert bool(line["top1"]) == bool(line["validation_top1"]) == (line["entity"] == "a")  # the largest evaluates
        assert float(line["cost_bytes_sent"]) > 0
    assert (folder / "figures" / "curves.svg").stat().st_size > 0
