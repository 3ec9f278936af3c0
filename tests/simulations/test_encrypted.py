"""Encrypted images in the normal harness in small, released, pooled, audited; and what the comparison holds."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from dpm_flower.apps.client import app as client_app
from dpm_flower.apps.server import app as server_app
from dpm_flower.attacks.decryptor import TransformerDecryptor
from dpm_flower.attacks.inverse import Inverse
from dpm_flower.attacks.jigsaw import Jigsaw
from dpm_flower.attacks.shadow import Shadow
from dpm_flower.attacks.super_resolution import SuperResolution
from dpm_flower.core.arms import SharingArm
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Shares
from dpm_flower.core.study import Study
from dpm_flower.federation.in_process_grid import InProcessGrid
from dpm_flower.methods.mixed_images import MixedImages
from dpm_flower.methods.raw_images import RawImages
from dpm_flower.methods.shuffled_images import ShuffledImages
from dpm_flower.nets.pevit import VitSize
from dpm_flower.studies.trials.encrypted import Recognising
from simulations.encrypted import AT_64, COMPARISON, LEARNERS, POOLED

FEW = Fitting(steps=2, batch_size=8, learning_rate=1e-3)
METHODS = {"raw": RawImages(), "shuffled": ShuffledImages(patch=4), "mixed": MixedImages(patch=4)}
SHADOW, JIGSAW = Shadow(inverse=Inverse(blocks=1, fitting=FEW)), Jigsaw()
DECRYPTOR, SHARPER = TransformerDecryptor(size=VitSize(12, 1, 2), fitting=FEW), SuperResolution(fitting=FEW)

TINY = Study(
    name="encrypted-small",
    data="digits",
    side=12,
    partition=Shares(entities=(("a", 0.04), ("b", 0.06)), public=0.05, validation=0.2),
    arms=tuple(SharingArm(name=name, method=method, refine="network", receivers=("a",)) for name, method in METHODS.items()),
    attacks=(SHADOW, JIGSAW, DECRYPTOR, SHARPER),
    seeds=(0,),
    pretrain=FEW,
    reconstruct=Fitting(steps=30, batch_size=16, learning_rate=1e-2),
    refine=FEW,
    pictures=2,
)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, str]]:
    """The figures of a finished run, by arm and entity."""
    folder: Path = tmp_path_factory.mktemp("encrypted")
    config = {"study": f"{__name__}:TINY", "data": "", "seeds": "", "output": str(folder)}
    grid = InProcessGrid(client_app, [{"partition-id": number, "num-partitions": 2} for number in range(2)], config)
    server_app(grid, grid.server_context())
    found = csv.DictReader(io.StringIO((folder / "quality.csv").read_text()))
    return {(line["arm"], line["entity"]): line for line in found}


@pytest.mark.parametrize("arm", METHODS)
def test_receivers_pool_encrypted_images_with_their_own(lines: dict[tuple[str, str], dict[str, str]], arm: str) -> None:
    assert not lines[arm, "a"]["reason"]
    assert 0 <= float(lines[arm, "a"]["top1"]) <= 1


def test_every_attacker_is_asked_about_every_release(lines: dict[tuple[str, str], dict[str, str]]) -> None:
    def of(arm: str) -> list[float]:
        return [float(lines[arm, "b"][f"{attack.name}.ssim_p"]) for attack in (SHADOW, JIGSAW, DECRYPTOR, SHARPER)]

    assert of("raw") == pytest.approx([1.0] * 4)
    shadow, jigsaw, decryptor, sharper = of("shuffled")
    assert shadow == sharper < 0.9  # taken as it is
    assert jigsaw != shadow != decryptor
    shadow, jigsaw, decryptor, sharper = of("mixed")
    assert shadow == jigsaw < 0.9
    assert sharper != shadow != decryptor


def test_rows_differ_in_what_is_compared_and_in_nothing_else() -> None:
    for comparison in (COMPARISON, AT_64):
        learners, attackers = comparison.trials[:4], comparison.trials[4:]
        assert len({repr((one.fitting, one.softening, one.size, one.divided)) for one in learners}) == 1
        assert [(one.method is None, one.positions) for one in learners] == [
            (True, "learned"),
            (False, "none"),
            (False, "reference"),
            (False, "learned"),
        ]
        assert len({repr(one.divided) for one in (*learners, *attackers)}) == 1
        assert all((one.divided.side // one.method.patch) == 4 for one in attackers)


def test_what_peers_gain_is_told_beside_the_same_learner_with_one_entitys_images() -> None:
    own = [trial for trial in POOLED.trials[len(LEARNERS) :] if isinstance(trial, Recognising)]
    assert POOLED.trials[: len(LEARNERS)] == LEARNERS == COMPARISON.trials[: len(LEARNERS)]  # and so cells that need not be run twice
    assert [replace(one, name=all_.name, divided=all_.divided) for one, all_ in zip(own, LEARNERS, strict=True)] == list(LEARNERS)
    assert {round((1 - one.divided.attacker) / (1 - all_.divided.attacker), 6) for one, all_ in zip(own, LEARNERS, strict=True)} == {0.2}
    figures = {(trial.name, 0): {"top1": 0.1 * place} for place, trial in enumerate(POOLED.trials)}
    assert POOLED.conclude is not None
    assert len(POOLED.conclude(figures)) == len(LEARNERS)
