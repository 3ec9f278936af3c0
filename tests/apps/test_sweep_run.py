"""A sweep of tiny studies in this process: its files, going on where it stopped, and variants that cannot be run."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dpm_flower.apps import study_run, sweep_run
from dpm_flower.apps.report_command import show
from dpm_flower.apps.study_command import FAILED, INTERRUPTED, run
from dpm_flower.apps.sweep_run import SweepOrder
from dpm_flower.core.alone import alone_in
from dpm_flower.core.errors import StudyError
from dpm_flower.core.sweep import Sweep
from dpm_flower.studies.sweep_files import read_sweep
from tests import small_sweep
from tests.small_sweep import SWEEP, TINY, WITH_PATHS


def swept(name: str, folder: Path, data: str = "", seeds: str = "") -> int:
    return run(name, data, seeds, folder, in_process=True, cpus_per_client=1)


@pytest.fixture(scope="module")
def small_sweep_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep") / "run"
    assert swept("tests.small_sweep", folder) == 0
    return folder


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Sweep], str]:
    """A sweep -> the name under which it is found."""

    def change(sweep: Sweep) -> str:
        monkeypatch.setattr(small_sweep, "CHANGED", sweep, raising=False)
        return "tests.small_sweep:CHANGED"

    return change


@pytest.fixture
def unrun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whichever variant is to be run is only noted, and fails."""
    noted: list[str] = []

    def run_into(folder: Path, *_: object) -> None:
        noted.append(folder.name)
        raise StudyError("not in this test")

    monkeypatch.setattr(sweep_run, "run_into", run_into)
    return noted


def test_every_variant_is_a_whole_run_and_the_table_holds_both(small_sweep_run: Path) -> None:
    results = read_sweep(small_sweep_run)
    assert [variant.label for variant in results.variants] == ["one", "two"]
    for variant in results.variants:
        assert not variant.reason
        assert all("top1" in row.figures for row in variant.rows)
        facts = json.loads((small_sweep_run / variant.label / "results.json").read_text())["facts"]
        assert facts["command"] == f"dpm-flower study tests.small_sweep:SWEEP/{variant.label}"
        assert (small_sweep_run / variant.label / "report.html").is_file()
    assert {path.name for path in small_sweep_run.iterdir()} == {".lock", "one", "two", "sweep.json", "sweep.csv", "sweep.html"}


def test_finished_variants_are_read_and_the_table_is_the_same(
    small_sweep_run: Path, unrun: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = (small_sweep_run / "sweep.json").read_bytes()
    assert swept("tests.small_sweep", small_sweep_run) == 0
    assert unrun == []
    assert (small_sweep_run / "sweep.json").read_bytes() == before
    assert "variant 2 of 2: two" in capsys.readouterr().err


def test_a_variant_by_itself_is_the_same_study(small_sweep_run: Path, unrun: list[str], tmp_path: Path) -> None:
    order = SweepOrder(SWEEP, "tests.small_sweep", "", "").variant("two")
    assert study_run.Order.of("tests.small_sweep:SWEEP/two", "", "") == order
    assert order.study.side == 13


def test_an_unfinished_variant_goes_on_and_the_finished_one_is_not_run_again(small_sweep_run: Path, unrun: list[str]) -> None:
    report = small_sweep_run / "two" / "report.html"
    text, table = report.read_bytes(), (small_sweep_run / "sweep.json").read_bytes()
    report.unlink()
    try:
        assert swept("tests.small_sweep", small_sweep_run) == FAILED
        assert unrun == ["two"]
        one, two = read_sweep(small_sweep_run).variants
        assert one.rows
        assert (two.rows, two.reason, two.failed) == ((), "not in this test", True)
    finally:
        report.write_bytes(text)
        (small_sweep_run / "sweep.json").write_bytes(table)


def test_a_folder_of_other_settings_costs_its_variant_only(
    small_sweep_run: Path, changed: Callable[[Sweep], str], capsys: pytest.CaptureFixture[str]
) -> None:
    table = (small_sweep_run / "sweep.json").read_bytes()
    name = changed(replace(SWEEP, variants=(("one", replace(TINY, refine=replace(TINY.refine, steps=3))), SWEEP.variants[1])))
    try:
        assert swept(name, small_sweep_run) == FAILED
        one, two = read_sweep(small_sweep_run).variants
        assert "campaign of other settings" in one.reason
        assert two.rows
    finally:
        (small_sweep_run / "sweep.json").write_bytes(table)
    said = capsys.readouterr()
    assert "1 of 2 variants failed: one" in said.err
    assert "one failed: " in " ".join(said.out.split())


def test_other_columns_are_no_other_settings(small_sweep_run: Path, changed: Callable[[Sweep], str], unrun: list[str]) -> None:
    assert swept(changed(replace(SWEEP, variants=(("one", replace(TINY, columns=("seconds",))),))), small_sweep_run) == 0
    assert unrun == []
    assert swept("tests.small_sweep", small_sweep_run) == 0  # for the other tests


def test_a_variant_that_cannot_run_is_told_first_and_the_others_run(
    tmp_path: Path, changed: Callable[[Sweep], str], unrun: list[str]
) -> None:
    broken = replace(
        SWEEP, variants=(SWEEP.variants[0], ("no-data", replace(TINY, data="missing")), ("deep", replace(TINY, hook="conv9_9")))
    )
    assert swept(changed(broken), tmp_path) == FAILED
    assert unrun == ["one"]
    reasons = {variant.label: variant.reason for variant in read_sweep(tmp_path).variants}
    assert reasons["one"] == "not in this test"
    assert "'missing'" in reasons["no-data"]
    assert "conv3_1" in reasons["deep"]


def test_a_mistake_in_one_variant_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def run_into(folder: Path, *_: object) -> None:
        tried.append(folder.name)
        raise MemoryError("128 GB")

    monkeypatch.setattr(sweep_run, "run_into", run_into)
    assert swept("tests.small_sweep", tmp_path) == FAILED
    assert tried == ["one", "two"]
    assert {variant.reason for variant in read_sweep(tmp_path).variants} == {"MemoryError: 128 GB"}


def test_an_interrupt_ends_the_sweep_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tried: list[str] = []

    def run_into(folder: Path, *_: object) -> None:
        tried.append(folder.name)
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep_run, "run_into", run_into)
    assert swept("tests.small_sweep", tmp_path) == INTERRUPTED
    assert tried == ["one"]
    assert f"to go on: --output {tmp_path}" in capsys.readouterr().err


@pytest.mark.parametrize("held", [".", "one"])
def test_two_at_once_in_one_folder_are_refused(held: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / held).mkdir(exist_ok=True)
    name = "tests.small_sweep" if held == "." else "tests.small_sweep:SWEEP/one"
    with alone_in(tmp_path / held):
        assert swept(name, tmp_path / held) == FAILED
    assert f"another run is writing to {tmp_path / held}" in capsys.readouterr().err
    assert not (tmp_path / "sweep.json").exists()


def test_paths_fill_placeholders_and_touch_no_other_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.npz").touch()
    order = SweepOrder(WITH_PATHS, "tests.small_sweep:WITH_PATHS", "a.npz,b.npz", "4")
    data = {label: order.variant(label).study.data for label in WITH_PATHS.labels}
    assert data == {"digits": "digits", "first": str(tmp_path / "a.npz"), "second": "b.npz"}  # what is not there is told as it was typed
    assert all(order.variant(label).study.seeds == (4,) for label in WITH_PATHS.labels)


def test_without_placeholders_one_path_is_for_all() -> None:
    order = SweepOrder(SWEEP, "tests.small_sweep", "a,b.npz", "")
    assert {order.variant(label).study.data for label in SWEEP.labels} == {"a,b.npz"}


def test_a_variant_without_path_is_left_out_which_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_sweep_run: Path
) -> None:
    results = study_run.read_results(small_sweep_run / "one")
    monkeypatch.setattr(sweep_run, "run_into", lambda *_: results)
    assert swept("tests.small_sweep:WITH_PATHS", tmp_path) == 0
    digits, first, second = read_sweep(tmp_path).variants
    assert digits.rows
    assert (first.reason, first.failed) == ("left out: nothing was given for its data '{0}'", False)
    assert "'{1}'" in second.reason


@pytest.mark.parametrize(
    ("variants", "data", "told"), [(slice(None), "a,b,c", "takes 2 paths"), (slice(1, None), "", "give it with --data")]
)
def test_too_many_paths_and_nothing_to_run_are_refused(variants: slice, data: str, told: str) -> None:
    with pytest.raises(StudyError, match=told):
        SweepOrder(replace(WITH_PATHS, variants=WITH_PATHS.variants[variants]), "x", data, "")


def test_the_report_command_shows_the_sweep_again(small_sweep_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = (small_sweep_run / "sweep.html").read_bytes()
    (small_sweep_run / "sweep.html").unlink()
    assert show(small_sweep_run) == 0
    assert "small-sweep: 2 variants" in capsys.readouterr().out
    assert (small_sweep_run / "sweep.html").read_bytes() == page
