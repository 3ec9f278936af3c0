"""Every failure of `dpm-flower study` ends with a code other than 0 and names its cause; none leaves a process or half a result."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from dpm_flower.apps import study_run
from dpm_flower.apps.study_command import FAILED, run
from dpm_flower.apps.study_run import Order, Runner
from dpm_flower.core.alone import alone_in
from dpm_flower.core.errors import StudyError
from dpm_flower.core.partition import Shares
from dpm_flower.core.study import Study
from tests import small_study
from tests.small_study import STUDY

ARMS = STUDY.arms[:1]  # in which everybody receives


@pytest.fixture
def refuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a study that must fail -> what it said on stderr."""

    def refused(name: str = "tests.small_study", data: str = "", seeds: str = "", output: Path | None = None, cpus: int = 1) -> str:
        assert run(name, data, seeds, output or tmp_path / "out", in_process=cpus == 1, cpus_per_client=cpus) == FAILED
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        assert said.out == ""
        return said.err

    return refused


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Study], str]:
    """A study -> the name under which it is found."""

    def write(study: Study) -> str:
        monkeypatch.setattr(small_study, "CHANGED", study, raising=False)
        return "tests.small_study:CHANGED"

    return write


def test_an_unknown_study_is_refused(refuse: Callable[..., str]) -> None:
    assert "wanted a study as" in refuse("simulations.nothing")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"backbone": "resnet2000"}, "resnet2000"),
        ({"hook": "conv9_9"}, "conv3_1"),
        ({"weights": "/no/such/weights.safetensors"}, "/no/such/weights.safetensors"),
        ({"data": "no-such-data"}, "no-such-data"),
        ({"device": "cuda:99"}, "cuda:99"),
        ({"partition": Shares(entities=tuple((f"e{number}", 0.001) for number in range(900)), public=0.1), "arms": ARMS}, "images"),
        ({"partition": Shares(entities=(("a", 0.9), ("b", 0.0001)), public=0.05), "arms": ARMS}, "b"),
    ],
)
def test_a_study_that_cannot_run_is_refused_before_anything_starts(
    change: dict[str, object], told: str, refuse: Callable[..., str], written: Callable[[Study], str], tmp_path: Path
) -> None:
    assert told in refuse(written(replace(STUDY, **change)))  # type: ignore[arg-type]
    assert not (tmp_path / "out" / "campaign").exists()


@pytest.mark.parametrize("seeds", ["x", "1,1", "0.5"])
def test_unusable_seeds_are_refused(seeds: str, refuse: Callable[..., str]) -> None:
    assert "seed" in refuse(seeds=seeds)


def _npz(path: Path, images: np.ndarray, labels: np.ndarray) -> str:
    buffer = io.BytesIO()
    np.savez(buffer, x_train=images, y_train=labels, x_test=1 - images[:30] / 2, y_test=labels[:30])
    path.write_bytes(buffer.getvalue())
    return str(path)


def _images(number: int = 60) -> np.ndarray:
    return np.random.default_rng(0).random((number, 12, 12, 3), dtype=np.float32)


def test_a_data_file_cut_short_is_refused(tmp_path: Path, refuse: Callable[..., str]) -> None:
    path = tmp_path / "cut.npz"
    _npz(path, _images(), np.arange(60) % 3)
    whole = path.read_bytes()
    path.write_bytes(whole[:-2000])
    assert "cut.npz" in refuse(data=str(path))


def test_images_that_are_not_finite_are_refused(tmp_path: Path, refuse: Callable[..., str]) -> None:
    images = _images()
    images[3, 4, 5, 0] = np.nan
    assert "nan.npz: x_train" in refuse(data=_npz(tmp_path / "nan.npz", images, np.arange(60) % 3))


def test_a_single_class_is_refused(tmp_path: Path, refuse: Callable[..., str]) -> None:
    assert "classes" in refuse(data=_npz(tmp_path / "one.npz", _images(), np.zeros(60, dtype=np.int64)))


def test_a_file_in_place_of_the_output_folder_is_refused(tmp_path: Path, refuse: Callable[..., str]) -> None:
    (tmp_path / "file").touch()
    assert "cannot write to the output folder" in refuse(output=tmp_path / "file")
    assert "cannot write to the output folder" in refuse(output=tmp_path / "file" / "below")


def test_the_folder_of_another_study_is_refused(small_run: Path, refuse: Callable[..., str], written: Callable[[Study], str]) -> None:
    before = (small_run / "quality.csv").read_bytes()
    assert "campaign of other settings" in refuse(written(replace(STUDY, lead_threads=2)), output=small_run)
    assert (small_run / "quality.csv").read_bytes() == before
    (small_run / "failure.txt").unlink()


def test_more_cpus_than_there_are_are_refused(refuse: Callable[..., str]) -> None:
    assert "CPUs" in refuse(cpus=10_000)


def test_a_run_through_flower_that_fails_tells_the_cause_that_the_server_app_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def flower(project: Path, config: dict[str, str], nodes: int, cpus: int, home: Path, on_line: Callable[[str], None]) -> None:
        assert (nodes, cpus) == (3, 1)
        assert Path(config["output"]).is_absolute()
        on_line("a line")
        (tmp_path / "failure.txt").write_text("QuorumError: nobody was there")
        raise StudyError("Flower's last lines")

    monkeypatch.setattr(study_run, "run_through_flower", flower)
    assert run("tests.small_study", "", "", tmp_path, in_process=False, cpus_per_client=1) == FAILED
    assert capsys.readouterr().err.splitlines()[-1] == "dpm-flower: QuorumError: nobody was there"
    assert (tmp_path / "flower.log").read_text() == "a line\n"


def test_the_cause_of_an_earlier_run_is_not_told_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def flower(*_: object) -> None:
        raise StudyError("no port is free")

    (tmp_path / "failure.txt").write_text("QuorumError: yesterday")
    monkeypatch.setattr(study_run, "run_through_flower", flower)
    assert run("tests.small_study", "", "", tmp_path, in_process=False, cpus_per_client=1) == FAILED
    assert capsys.readouterr().err.splitlines()[-1] == "dpm-flower: no port is free"


def test_an_interrupt_through_flower_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def flower(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(study_run, "run_through_flower", flower)
    assert run("tests.small_study", "", "", tmp_path, in_process=False, cpus_per_client=1) == 130
    assert f"to go on: --output {tmp_path}" in capsys.readouterr().err
    run("tests.small_study", "", "", tmp_path / "a b", in_process=False, cpus_per_client=1)
    assert f"to go on: --output '{tmp_path / 'a b'}'" in capsys.readouterr().err


def test_paths_are_made_absolute_and_names_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.npz").touch()
    (tmp_path / "digits").mkdir()
    assert study_run.absolute("here.npz") == str(tmp_path / "here.npz")
    assert study_run.absolute("cifar10:sets") == f"cifar10:{tmp_path / 'sets'}"
    assert study_run.absolute("celeba:faces?label=Young") == f"celeba:{tmp_path / 'faces?label=Young'}"
    assert study_run.absolute("here.npz?label=Male") == f"{tmp_path / 'here.npz'}?label=Male"
    (tmp_path / "odd?name.npz").touch()
    assert study_run.absolute("odd?name.npz") == str(tmp_path / "odd?name.npz")
    for name in ("", "digits", "missing.npz", "missing.npz?label=Male", str(tmp_path / "here.npz")):
        assert study_run.absolute(name) == name


@pytest.mark.parametrize("data", ["~nobody-of-that-name/x.npz", "cifar10:~nobody-of-that-name/x", "x" * 5000, "a\0b", "cifar10:a\0b"])
def test_what_no_file_system_takes_is_refused_as_data(data: str, refuse: Callable[..., str]) -> None:
    assert "wanted data as a path or a known name" in refuse(data=data)


def test_a_folder_that_a_run_makes_is_its_owners_alone(tmp_path: Path) -> None:
    study_run.made(tmp_path / "runs" / "new")
    assert (tmp_path / "runs" / "new").stat().st_mode & 0o777 == 0o700
    (tmp_path / "old").mkdir(mode=0o755)
    before = (tmp_path / "old").stat().st_mode
    study_run.made(tmp_path / "old")
    assert (tmp_path / "old").stat().st_mode == before


def test_a_study_names_its_data_as_seen_from_where_one_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, written: Callable[[Study], str]
) -> None:
    seen: list[dict[str, str]] = []

    def flower(project: Path, config: dict[str, str], *_: object) -> None:
        seen.append(dict(config))
        raise StudyError("enough")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(study_run, "run_through_flower", flower)
    shares = Shares(entities=(("a", 0.4), ("b", 0.3)), public=0.3)
    _npz(tmp_path / "own.npz", _images(120), np.arange(120) % 3)
    run(
        written(replace(STUDY, data="own.npz", partition=shares, arms=ARMS)),
        "",
        "",
        tmp_path / "out",
        in_process=False,
        cpus_per_client=1,
    )
    assert seen[0]["data"] == str(tmp_path / "own.npz"), capsys.readouterr().err


def test_without_a_flower_project_the_other_runner_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(study_run.dpm_flower, "__file__", str(tmp_path / "site-packages" / "dpm_flower" / "__init__.py"))
    with pytest.raises(StudyError, match="--in-process needs none"):
        study_run.project()
    (tmp_path / "pyproject.toml").write_text("[tool.flwr.app]\n")
    assert study_run.project() == tmp_path


def test_a_second_run_into_the_same_folder_is_refused_while_the_first_is_at_work(tmp_path: Path, refuse: Callable[..., str]) -> None:
    (tmp_path / "failure.txt").write_text("the first one's")
    with alone_in(tmp_path):
        assert f"another run is writing to {tmp_path}" in refuse(output=tmp_path)
    assert (tmp_path / "failure.txt").read_text() == "the first one's"  # nothing of the first run was touched
    assert not (tmp_path / "campaign").exists()


def test_data_with_a_placeholder_needs_a_path(
    tmp_path: Path, refuse: Callable[..., str], written: Callable[[Study], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = written(replace(STUDY, data="{0}", arms=ARMS))
    assert "wanted a path for {0}" in refuse(name)
    _npz(tmp_path / "own.npz", _images(120), np.arange(120) % 3)
    order = study_run.Order.of(name, "own.npz", "")
    assert order.study.data == order.config["data"] == str(tmp_path / "own.npz")


def test_a_run_cleans_up_after_its_killed_predecessor_and_not_in_other_runs_folders(
    tmp_path: Path, small_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {path.name for path in small_run.iterdir() if path.is_dir()} <= set(study_run.OWN)  # else something is never cleaned up
    left = ".results.json.0123456789abcdef.partial"
    places = [tmp_path / below for below in (".", "campaign", "sites/a/pool", "another run", "another run/campaign")]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
        (place / left).touch()

    def ends(*_: object) -> None:
        raise StudyError("it ends here")

    monkeypatch.setattr(study_run, "_in_process", ends)
    with pytest.raises(StudyError, match="it ends here"):
        study_run.run_into(tmp_path, Order.of("tests.small_study", "", ""), Runner(in_process=True, cpus_per_client=1), Console())
    assert [place for place in places if (place / left).exists()] == places[3:]
