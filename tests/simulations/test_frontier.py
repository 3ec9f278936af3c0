"""The frontier study in small: every defence comes with a gain or a reason, and with a headline."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from dpm_flower.apps.client import app as client_app
from dpm_flower.apps.server import app as server_app
from dpm_flower.attacks.inverse import Inverse
from dpm_flower.attacks.shadow import Shadow
from dpm_flower.core.arms import SharingArm
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.level import Level
from dpm_flower.core.partition import Shares
from dpm_flower.core.study import Study
from dpm_flower.data.partition_public import public_and_private_classes
from dpm_flower.data.sources import load_to_divide
from dpm_flower.federation.in_process_grid import InProcessGrid
from dpm_flower.methods.coded import Coded
from dpm_flower.methods.drawn_features import DrawnFeatures
from simulations.frontier import APART, ATTACKED, CODED, DRAWN, HARDENED, METHODS, STUDY, SWAPPED, TERMS, UNTRAINED
from tests.simulations.quick import quick
from tests.small_study import FEW

CHOSEN = ("own", "raw features", "DPM, 2 adversaries, noise 1")
PLAIN = ("strongest 10 %", "16 components", "class means")
AROUND = "drawn around 16"
COLUMNS = {
    "L1.nearest": "rank1",
    "L1.nearest-standardised": "rank1_standardised",
    "L1.spanned": "rank1_spanned",
    "L1": "rank1_trained",
}
CODING = "coded, disturb 2, 2 reconstructors, AVIF 60"


def _quick_coding(arm: object) -> SharingArm:
    assert isinstance(arm, SharingArm)
    assert isinstance(arm.method, Coded)
    return replace(arm, method=replace(arm.method, method=replace(arm.method.method, fitting=FEW)))


def _quick_drawing(arm: object) -> SharingArm:
    assert isinstance(arm, SharingArm)
    assert isinstance(arm.method, DrawnFeatures)
    return replace(arm, method=replace(arm.method, neighbours=4, least=3))


TINY = replace(
    STUDY,
    data="digits",
    side=12,
    partition=Shares(entities=(("lead", 0.04), ("victim", 0.06), ("peer", 0.05)), public=0.05, validation=0.2),
    arms=(
        *(quick(arm) for arm in STUDY.arms if arm.name in CHOSEN),
        *(arm for arm in UNTRAINED.arms if arm.name in PLAIN),
        *(_quick_coding(arm) for arm in CODED.arms if arm.name == CODING),
        *(_quick_drawing(arm) for arm in DRAWN.arms if arm.name == AROUND),
    ),
    attacks=(Shadow(inverse=Inverse(fitting=Fitting(steps=60, batch_size=16, learning_rate=3e-3))),),
    pretrain=Fitting(steps=20, batch_size=16, learning_rate=1e-2),
    reconstruct=Fitting(steps=60, batch_size=16, learning_rate=3e-3),
    refine=FEW,
    pictures=2,
)


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("frontier")
    config = {"study": f"{__name__}:TINY", "data": "", "seeds": "", "output": str(folder)}
    grid = InProcessGrid(client_app, [{"partition-id": number, "num-partitions": 3} for number in range(3)], config)
    server_app(grid, grid.server_context())
    return folder


def test_every_defence_has_its_headline_and_its_receiver_s_accuracy(output: Path) -> None:
    lines = list(csv.DictReader(io.StringIO((output / "quality.csv").read_text())))
    of = {(line["arm"], line["entity"]): line for line in lines}
    for arm in (*CHOSEN, *PLAIN, CODING, AROUND):
        assert of[arm, "lead"]["top1"]
        assert not of[arm, "lead"]["reason"]
    for arm in (*CHOSEN[1:], *PLAIN, CODING, AROUND):
        assert {name for name in of[arm, "victim"] if of[arm, "victim"][name]} >= {"headline_p", "headline_p_low", "headline_p_p95"}
    assert float(of["raw features", "victim"]["headline_p"]) == pytest.approx(1, abs=0.05)  # by definition: what raw features disclose


def test_the_report_has_the_heat_map(output: Path) -> None:
    assert "Disclosed fraction by attacker" in (output / "report.html").read_text()


def test_the_attacking_peer_is_neither_the_lead_nor_the_victim() -> None:
    assert STUDY.partition.names == ("lead", "victim", "peer")
    assert len(METHODS) == len({repr(method) for method in METHODS.values()})


def test_others_are_asked_about_the_same_releases() -> None:
    assert (ATTACKED.arms, ATTACKED.partition, ATTACKED.seeds) == (STUDY.arms, STUDY.partition, STUDY.seeds)
    names = [attack.name.partition(".")[0] for attack in ATTACKED.attacks]
    assert names == ["A1", "A6", "L1", "L1", "A5"]
    assert not any(attack.level.asks_module or attack.level.has_leaked_pairs for attack in ATTACKED.attacks)


def test_what_is_public_in_one_of_two_studies_is_the_task_of_the_other() -> None:
    digits = load_to_divide("digits", 12)
    apart, swapped = (public_and_private_classes(digits, study.partition) for study in (APART, SWAPPED))
    assert [each.tolist() for each in apart] == [each.tolist() for each in reversed(swapped)]
    assert [arm.name for arm in APART.arms] == [arm.name for arm in SWAPPED.arms]


@pytest.mark.parametrize("study", [APART, CODED, DRAWN, HARDENED, SWAPPED, TERMS, UNTRAINED], ids=lambda study: study.name)
def test_a_variant_s_methods_and_attackers_differ_and_who_links_has_its_columns(study: Study) -> None:
    arms = [arm for arm in study.arms if isinstance(arm, SharingArm)]
    for each in ([arm.name for arm in arms], [repr(arm.method) for arm in arms], [attack.name for attack in study.attacks]):
        assert len(set(each)) == len(each)
    assert (study.partition.names, study.seeds[0], arms[0].name) == (STUDY.partition.names, 0, "own")
    linkers = [COLUMNS[attack.name] for attack in study.attacks if attack.level is Level.L1]
    assert [name for name in study.columns if name.startswith("rank1")] == linkers
    assert [name for name in study.columns if not name.startswith("rank1")][: len(STUDY.columns)] == list(STUDY.columns)
