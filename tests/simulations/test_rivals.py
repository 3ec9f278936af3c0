"""The table of all rivals: every method has a row, and those that train something of their own run in the harness in small."""

import csv
import importlib
import io
import pkgutil
from dataclasses import replace
from pathlib import Path

import pytest

import dpm_flower.methods
from dpm_flower.apps.client import app as client_app
from dpm_flower.apps.server import app as server_app
from dpm_flower.attacks.inverse import Inverse
from dpm_flower.attacks.jigsaw import Jigsaw
from dpm_flower.attacks.shadow import Shadow
from dpm_flower.core.arms import SharingArm
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Shares
from dpm_flower.core.protocols import SharingMethod
from dpm_flower.federation.in_process_grid import InProcessGrid
from dpm_flower.methods.coded import Coded
from dpm_flower.methods.coded_features import CodedFeatures
from dpm_flower.methods.deep_obfuscator import DeepObfuscator
from dpm_flower.methods.deep_poisoning import DeepPoisoning
from dpm_flower.methods.memorisation_gate import MemorisationGate
from dpm_flower.methods.synthetic_images import SyntheticImages
from simulations.rivals import FEATURES, IMAGES, STUDY

FEW = Fitting(steps=2, batch_size=8, learning_rate=1e-3, weight_decay=0.0)
SMALL: dict[str, SharingMethod] = {
    "DeepObfuscator": DeepObfuscator(obfuscation=replace(DeepObfuscator().obfuscation, fitting=FEW)),
    "coded features, as pictures": Coded(method=CodedFeatures(fitting=FEW), codec="avif-60"),
    "DPM, 2 adversaries, as pictures": Coded(method=DeepPoisoning(fitting=FEW), codec="avif-60"),
    "synthetic images": SyntheticImages(noise=4, width=4, fitting=FEW, gate=MemorisationGate()),
}
TINY = replace(
    STUDY,
    data="digits",
    side=16,
    partition=Shares(entities=(("lead", 0.04), ("victim", 0.06), ("peer", 0.05)), public=0.05, validation=0.2),
    arms=tuple(replace(arm, method=SMALL[arm.name]) for arm in STUDY.arms if isinstance(arm, SharingArm) and arm.name in SMALL),
    attacks=(Shadow(inverse=Inverse(fitting=FEW)), Jigsaw()),
    pretrain=FEW,
    reconstruct=FEW,
    refine=FEW,
    pictures=2,
)


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], dict[str, str]]:
    """The figures of a finished run, by arm and entity."""
    folder: Path = tmp_path_factory.mktemp("rivals")
    config = {"study": f"{__name__}:TINY", "data": "", "seeds": "", "output": str(folder)}
    grid = InProcessGrid(client_app, [{"partition-id": number, "num-partitions": 3} for number in range(3)], config)
    server_app(grid, grid.server_context())
    return {(line["arm"], line["entity"]): line for line in csv.DictReader(io.StringIO((folder / "quality.csv").read_text()))}


@pytest.mark.parametrize("arm", SMALL)
def test_each_is_released_received_and_attacked(lines: dict[tuple[str, str], dict[str, str]], arm: str) -> None:
    assert not lines[arm, "lead"]["reason"]
    assert 0 <= float(lines[arm, "lead"]["top1"]) <= 1
    assert lines[arm, "victim"][f"{TINY.attacks[0].name}.ssim_p"]


def test_every_method_of_the_project_has_a_row() -> None:
    methods = set()
    for module in pkgutil.iter_modules(dpm_flower.methods.__path__):
        found = importlib.import_module(f"dpm_flower.methods.{module.name}")
        methods |= {
            value
            for value in vars(found).values()
            if isinstance(value, type) and value.__module__ == found.__name__ and hasattr(value, "prepare")
        }
    shared = [arm.method for arm in STUDY.arms if isinstance(arm, SharingArm)]
    rows = {type(method) for method in (*shared, *(method.method for method in shared if isinstance(method, Coded)))}
    assert methods == rows
    assert len(FEATURES) + len(IMAGES) == len({repr(method) for method in (*FEATURES.values(), *IMAGES.values())})
