"""The sweep over unlike entities with networks that have hardly begun to learn: every variant deals and every arm runs."""

from dataclasses import replace

import pytest

from dpm_flower.apps.study_command import run
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Dirichlet, Iid
from dpm_flower.core.sweep import Sweep
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.studies import run as study_run
from dpm_flower.studies.results_files import read_results
from simulations import noniid

FEW = Fitting(steps=2, batch_size=8, learning_rate=1e-3)
POISONING = DeepPoisoning(blocks=1, fitting=FEW)
ARMS = tuple(
    replace(
        arm,
        **({"rounds": 2} if arm.averaged_rounds else {}),
        **({"method": POISONING} if isinstance(getattr(arm, "method", None), DeepPoisoning) else {}),
    )
    for arm in noniid.ARMS
)


def tiny(study, *arms):
    deal = replace(study.partition.deal, least=10) if isinstance(study.partition.deal, Dirichlet) else study.partition.deal
    return replace(
        study,
        data="digits",
        side=12,
        partition=replace(study.partition, names=("a", "b"), deal=deal, private=0.2, validation=0.2, public=0.2),
        arms=tuple(arm for arm in ARMS if not arms or arm.name in arms),
        seeds=(0,),
        pretrain=FEW,
        reconstruct=FEW,
        refine=FEW,
        augment="none",
        lead_threads=1,
        pictures=1,
    )


SWEEP = Sweep(
    name="tiny-noniid",
    variants=(
        ("alpha-0.3", tiny(noniid.SWEEP.study("alpha-0.3"))),
        ("iid", tiny(noniid.SWEEP.study("iid"), "own only", "FedAvg, decider")),
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("noniid")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study_run, "write_report", lambda *_: None)  # charts take longer than all of the training
        patch.setattr(study_run, "write_figures", lambda *_: ())
        assert run("tests.simulations.test_noniid:SWEEP", "", "", made, in_process=True, cpus_per_client=1) == 0
    return made


def test_the_sweep_goes_from_unlike_to_alike_with_the_same_arms():
    deals = [study.partition.deal for _, study in noniid.SWEEP.variants]
    assert [deal.alpha for deal in deals[:-1]] == [0.1, 0.3, 1.0, 10.0]
    assert deals[-1] == Iid()
    assert {study.arms for _, study in noniid.SWEEP.variants} == {noniid.ARMS}


@pytest.mark.parametrize("label", SWEEP.labels)
def test_every_arm_comes_to_figures(folder, label):
    cells = read_results(folder / label).cells
    assert {cell.reason for cell in cells} == {""}
    assert {cell.arm for cell in cells} == {"D as received", *(arm.name for arm in SWEEP.study(label).arms)}


def test_entities_are_less_alike_where_alpha_is_small(folder):
    def unlike(label):
        """How far the largest class of an entity stands out, mean over entities."""
        holdings = read_results(folder / label).facts.holdings
        return sum(max(holding.counts) / sum(holding.counts) for holding in holdings) / len(holdings)

    assert unlike("alpha-0.3") > unlike("iid") + 0.1
