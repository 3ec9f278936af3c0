"""The sufficiency study in small: one entity, from its first message to its figures and pictures."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dpm_flower.apps.client import app as client_app
from dpm_flower.apps.server import app as server_app
from dpm_flower.attacks.other_reconstructor import SUFFICIENCY
from dpm_flower.core.arms import SharingArm
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Shares
from dpm_flower.federation.in_process_grid import InProcessGrid
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from simulations.sufficiency import STUDY

FEW = Fitting(steps=2, batch_size=8, learning_rate=1e-3)
TINY = replace(
    STUDY,
    side=12,
    partition=Shares(entities=(("a", 0.05),), public=0.05, validation=0.2),
    arms=tuple(replace(arm, method=DeepPoisoning(fitting=FEW)) if isinstance(arm.method, DeepPoisoning) else arm for arm in STUDY.arms),
    attacks=tuple(replace(attack, fitting=FEW) for attack in STUDY.attacks),
    pretrain=FEW,
    reconstruct=FEW,
    pictures=2,
)
METRICS = ("l1", "ssim", "windowed_ssim", "psnr")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    output = tmp_path_factory.mktemp("sufficiency")
    config = {"study": f"{__name__}:TINY", "data": "", "seeds": "", "output": str(output)}
    grid = InProcessGrid(client_app, [{"partition-id": 0, "num-partitions": 1}], config)
    server_app(grid, grid.server_context())
    return output


def test_it_asks_what_the_paper_asked() -> None:
    # no attacker is trained less than the public one
    assert STUDY.attacks == tuple(replace(attack, fitting=STUDY.reconstruct) for attack in SUFFICIENCY)
    poisoned = STUDY.arms[1]
    assert isinstance(poisoned, SharingArm)
    assert poisoned.method == DeepPoisoning()


def test_every_reconstructor_has_every_figure_on_raw_and_on_shared_features(folder: Path) -> None:
    lines = {line["arm"]: line for line in csv.DictReader(io.StringIO((folder / "quality.csv").read_text()))}
    heads = ("", *(f"{attack.name}." for attack in TINY.attacks))
    for arm in ("raw features", "poisoned"):
        for head in heads:
            figures = {f"{metric}_{of}": float(lines[arm][f"{head}{metric}_{of}"]) for metric in METRICS for of in "zp"}
            near = [figures[f"{metric}_z"] == pytest.approx(figures[f"{metric}_p"], rel=1e-3, abs=1e-3) for metric in METRICS]
            assert all(near) == (arm == "raw features"), (arm, head)  # half precision is all that lies between z and p
    assert {head: lines["poisoned"][f"{head}l1_z"] for head in heads} == {head: lines["raw features"][f"{head}l1_z"] for head in heads}
    assert all(lines["poisoned"][name] for name in ("top1_z", "top1_p", "top5_z", "top5_p", "ssim_p_p95"))


def test_each_attacker_has_two_rows_of_pictures(folder: Path) -> None:
    for number in (1, 2):
        image = np.asarray(Image.open(folder / "figures" / f"pictures-{number}.png").convert("L"))
        paper = (image[:, -200:] == 255).all(1)  # between two rows of pictures
        assert int((np.diff(paper.astype(int)) == 1).sum()) == 2 * (1 + len(STUDY.attacks))
    assert "A1.residual-2-x4" in (folder / "report.html").read_text()
