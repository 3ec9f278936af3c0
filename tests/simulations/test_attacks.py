"""The study of attackers in small: one victim and one attacking peer, from the first message to the figures."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from dpm_flower.apps.client import app as client_app
from dpm_flower.apps.server import app as server_app
from dpm_flower.attacks.aligned import Aligned
from dpm_flower.attacks.black_box import BlackBoxInversion
from dpm_flower.attacks.default_audit import DEFAULT_AUDIT
from dpm_flower.attacks.inverse import Inverse
from dpm_flower.attacks.leaked_pairs import LeakedPairs
from dpm_flower.attacks.other_reconstructor import OtherReconstructor
from dpm_flower.attacks.shadow import Shadow
from dpm_flower.core.level import Level
from dpm_flower.core.partition import Shares
from dpm_flower.core.study import Study
from dpm_flower.federation.in_process_grid import InProcessGrid
from simulations.attacks import FULL, STUDY, USUAL
from tests.simulations.quick import quick
from tests.small_study import FEW

QUICK = Inverse(fitting=FEW)
SHADOW = Shadow(inverse=QUICK)
TINY = replace(
    STUDY,
    data="digits",
    side=12,
    partition=Shares(entities=(("a", 0.05), ("b", 0.04)), public=0.05, validation=0.2),
    arms=tuple(map(quick, STUDY.arms)),
    attacks=(
        SHADOW,
        replace(SHADOW, auxiliary="public"),
        LeakedPairs(pairs=4, shadow=SHADOW, fitting=FEW),
        BlackBoxInversion(inverse=QUICK),
    ),
    pretrain=FEW,
    reconstruct=FEW,
    pictures=2,
)
SCORES = ("windowed_ssim", "structure", "edge", "perceptual")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, str]]:
    """The rows of a finished run, by arm and entity."""
    output = tmp_path_factory.mktemp("attacks")
    config = {"study": f"{__name__}:TINY", "data": "", "seeds": "", "output": str(output)}
    grid = InProcessGrid(client_app, [{"partition-id": number, "num-partitions": 2} for number in range(2)], config)
    server_app(grid, grid.server_context())
    lines = csv.DictReader(io.StringIO(Path(output / "quality.csv").read_text()))
    return {(line["arm"], line["entity"]): line for line in lines}


@pytest.mark.parametrize("study", [STUDY, FULL], ids=lambda study: study.name)
def test_no_attacker_bears_anothers_name_or_is_trained_less_than_the_public_one(study: Study) -> None:
    names = [attack.name for attack in study.attacks]
    assert len(set(names)) == len(names)
    assert {attack.fitting for attack in study.attacks if isinstance(attack, OtherReconstructor)} == {study.reconstruct}
    inverses = [attack.inverse for attack in study.attacks if isinstance(attack, Shadow | BlackBoxInversion | Aligned)]
    assert {inverse.fitting for inverse in inverses} == {study.reconstruct}


def test_the_usual_audit_is_asked_about_the_paper_s_module_and_a2_once_more_with_more_steps() -> None:
    assert USUAL.attacks[:-1] == DEFAULT_AUDIT
    short, long = (attack for attack in USUAL.attacks if isinstance(attack, Shadow))
    assert (long.shadows, long.inverse.fitting.steps, short.inverse.fitting.steps) == (short.shadows, 1000, 300)
    assert [arm.name for arm in USUAL.arms] == ["raw features", "DPM (labels, the paper's)"]


def test_the_quick_setting_has_six_methods_and_three_shadows_and_the_full_one_asks_everybody() -> None:
    assert [attack.name for attack in STUDY.attacks] == ["A1.residual-2-x2.s300", "A2.s300.x3", "A4.s300", "L1.nearest"]
    assert len(STUDY.arms) == 6
    assert len(STUDY.seeds) == 3
    assert {attack.name for attack in STUDY.attacks} < {attack.name for attack in FULL.attacks}
    assert {attack.level for attack in FULL.attacks} == {Level.A1, Level.A2, Level.A3, Level.A4, Level.A5, Level.A6, Level.L1}
    assert {arm.name for arm in FULL.arms} == {arm.name for arm in STUDY.arms} - {"noise 1", "strongest 10 %"} | {
        "coded features, as pictures"
    }


def test_every_attacker_has_every_score_of_the_one_who_releases(rows: dict[tuple[str, str], dict[str, str]]) -> None:
    for arm in STUDY.arms:
        line = rows[arm.name, "a"]
        for head in ("", *(f"{attack.name}." for attack in TINY.attacks)):
            assert all(line[f"{head}{score}_{of}"] for score in SCORES for of in "zp"), (arm.name, head)
    assert ("DPM (activations)", "b") not in rows  # the attacking peer releases nothing


def test_a_ceiling_is_the_same_whatever_was_released(rows: dict[tuple[str, str], dict[str, str]]) -> None:
    for attack in (TINY.attacks[0], TINY.attacks[-1]):
        assert len({rows[arm.name, "a"][f"{attack.name}.structure_z"] for arm in STUDY.arms}) == 1
