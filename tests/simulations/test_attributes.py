"""The attribute study in small, on an archive made on the spot: every release says what it tells of its images beside the class."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dpm_flower.apps.client import app as client_app
from dpm_flower.apps.server import app as server_app
from dpm_flower.attacks.attribute_inference import AttributeInference
from dpm_flower.core.arms import SharingArm
from dpm_flower.core.data_name import filled
from dpm_flower.core.fitting import Fitting
from dpm_flower.core.partition import Shares
from dpm_flower.data.source_name import SourceName
from dpm_flower.federation.in_process_grid import InProcessGrid
from dpm_flower.methods.raw_features import RawFeatures
from simulations.attributes import METHODS, SKIN, STUDY

FEW = Fitting(steps=2, batch_size=8, learning_rate=1e-3)
CHOSEN = ("raw features", "DPM, activations")


def _quick(arm: object) -> SharingArm:
    assert isinstance(arm, SharingArm)
    return arm if isinstance(arm.method, RawFeatures) else replace(arm, method=replace(arm.method, fitting=FEW))  # type: ignore[type-var]


TINY = replace(
    STUDY,
    data="{0}?label=Smiling&attributes=Male",
    side=12,
    partition=Shares(entities=(("victim", 0.4), ("peer", 0.4)), public=0.2, validation=0.2, together="identity"),
    arms=tuple(_quick(arm) for arm in STUDY.arms if arm.name in CHOSEN),
    attacks=(AttributeInference(fitting=Fitting(steps=30, batch_size=16, learning_rate=1e-2, weight_decay=1e-2)),),
    pretrain=Fitting(steps=10, batch_size=16, learning_rate=1e-2),
    reconstruct=FEW,
    pictures=2,
)
PLAIN = replace(TINY, data="{0}?label=Smiling", name="plain")


def _faces(path: Path) -> Path:
    """Noise of two images to each identity: Smiling is a bright upper half, Male a bright left half, both of half the people."""
    rng = np.random.default_rng(0)
    members = {"attr_names": np.array(["Male", "Smiling"])}
    for part, people in (("train", 90), ("test", 12)):
        known = np.repeat(rng.integers(0, 2, (people, 2), dtype=np.uint8), 2, axis=0)
        images = rng.integers(0, 128, (2 * people, 12, 12, 3), dtype=np.uint8)
        images[known[:, 0] == 1, :, :6] += 127
        images[known[:, 1] == 1, :6] //= 2
        members |= {f"x_{part}": images, f"attr_{part}": known, f"identity_{part}": np.arange(2 * people) // 2 + 1000 * (part == "test")}
    np.savez(path, **members)
    return path


def _run(folder: Path, study: str) -> dict[str, dict[str, str]]:
    """A study's finished run -> the victim's line of each arm."""
    data = str(_faces(folder / "faces.npz"))
    config = {"study": f"{__name__}:{study}", "data": data, "seeds": "", "output": str(folder / "run")}
    grid = InProcessGrid(client_app, [{"partition-id": number, "num-partitions": 2} for number in range(2)], config)
    server_app(grid, grid.server_context())
    lines = csv.DictReader(io.StringIO((folder / "run" / "quality.csv").read_text()))
    return {line["arm"]: line for line in lines if line["entity"] == "victim" and line["arm"] in CHOSEN}


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The run with attributes."""
    return _run(tmp_path_factory.mktemp("attributes"), "TINY")


def test_every_release_is_judged_by_what_it_tells_of_an_attribute_beside_the_label(lines: dict[str, dict[str, str]]) -> None:
    (name,) = (attack.name for attack in TINY.attacks)
    for arm in CHOSEN:
        found = {
            key: float(lines[arm][f"{name}.{key}"]) for key in ("auc_z", "auc_p", "auc_p_low", "auc_p_high", "auc_label", "Male.auc_p")
        }
        assert found["auc_p_low"] <= found["auc_p"] <= found["auc_p_high"]
        assert found["Male.auc_p"] == found["auc_p"]
        assert found["auc_z"] > 0.9 > 0.7 > found["auc_label"]
    assert lines["raw features"][f"{name}.auc_p"] == lines["raw features"][f"{name}.auc_z"]


def test_without_attributes_the_same_study_comes_to_the_same_and_says_nothing_of_any(
    lines: dict[str, dict[str, str]], tmp_path: Path
) -> None:
    plain = _run(tmp_path, "PLAIN")
    for arm in CHOSEN:
        assert {key: value for key, value in lines[arm].items() if not key.startswith("L2")} == plain[arm]


def test_the_studies_ask_for_attributes_and_have_a_release_of_every_defence() -> None:
    assert {arm.method for arm in STUDY.arms if isinstance(arm, SharingArm)} == set(METHODS.values())
    for study, attributes in ((STUDY, 6), (SKIN, 2)):
        assert len(SourceName.parse(filled(study.data, "a.npz")).attributes) == attributes
        assert [attack.name for attack in study.attacks] == ["L2"]
