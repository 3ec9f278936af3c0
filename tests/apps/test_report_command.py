"""A finished run's folder shows its table again; any other folder is refused."""

from pathlib import Path

import pytest

from dpm_flower.apps.report_command import show


def test_a_finished_run_is_shown_and_its_report_written_anew(small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, results = (small_run / "report.html").read_bytes(), (small_run / "results.json").read_bytes()
    (small_run / "report.html").unlink()
    try:
        assert show(small_run) == 0
        assert "own + poisoned" in capsys.readouterr().out
        assert (small_run / "report.html").stat().st_size < len(text)  # without the owners' pictures
        assert (small_run / "results.json").read_bytes() == results
    finally:
        (small_run / "report.html").write_bytes(text)


def test_a_folder_without_results_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(tmp_path) == 1
    assert "wanted the results of a run" in capsys.readouterr().err
    (tmp_path / "results.json").write_text("{}")
    assert show(tmp_path) == 1
    assert "format" in capsys.readouterr().err
