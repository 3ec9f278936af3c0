"""Entities whose modules are built differently, in one study: everybody's release is used, and each is made by its owner's method."""

from dataclasses import replace

from dpm_flower.apps.study_command import run
from dpm_flower.core.arms import SharingArm
from dpm_flower.studies import run as study_run
from dpm_flower.studies.results_files import read_results
from tests.small_study import POISONING
from tests.small_study import STUDY as SMALL

OWN_WAY = replace(POISONING, blocks=2, kind="bottleneck")
STUDY = replace(
    SMALL,
    name="own-architectures",
    arms=(
        SharingArm(name="all alike", method=POISONING),
        SharingArm(name="c its own way", method=POISONING, exceptions=(("c", OWN_WAY),)),
    ),
)


def test_a_module_of_another_architecture_is_one_more_release_that_peers_refine_on(tmp_path, monkeypatch):
    monkeypatch.setattr(study_run, "write_report", lambda *_: None)  # charts take longer than all of the training
    monkeypatch.setattr(study_run, "write_figures", lambda *_: ())
    assert run("tests.apps.test_own_architectures:STUDY", "", "", tmp_path, in_process=True, cpus_per_client=1) == 0
    cells = {(cell.arm, cell.entity): cell for cell in read_results(tmp_path).cells}
    releases = {key: (cell.quality["ssim_p"], cell.quality["psnr_p"]) for key, cell in cells.items() if "ssim_p" in cell.quality}
    assert [cells[arm.name, name].reason for arm in STUDY.arms for name in "abc"] == [""] * 6
    for name in "ab":
        assert releases["all alike", name] == releases["c its own way", name]
    assert releases["all alike", "c"] != releases["c its own way", "c"]
    made = {name: len(list(tmp_path.glob(f"sites/{name}/*/contributions/*.json"))) for name in "abc"}
    assert made == {"a": 1, "b": 1, "c": 2}
