import pytest

from dpm_flower.core.errors import OutputError
from dpm_flower.studies.figure_files import write_figures
from tests.studies import averaged
from tests.studies.hand_made import pictures


def test_every_figure_is_a_file_of_its_kind(results, tmp_path):
    paths = write_figures(tmp_path, results, [pictures("one/../two"), pictures("three")])
    assert [path.name for path in paths] == ["accuracy.svg", "who-holds-what.svg", "pictures-1.png", "pictures-2.png"]
    assert {path.parent for path in paths} == {tmp_path / "figures"}
    assert all(b"<svg" in path.read_bytes()[:500] for path in paths[:2])
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths[2:])


def test_curves_are_drawn_where_an_arm_averages(results, tmp_path):
    assert "curves.svg" in [path.name for path in write_figures(tmp_path, averaged.results())]
    assert "curves.svg" not in [path.name for path in write_figures(tmp_path, results)]


def test_without_pictures_there_are_none(results, tmp_path):
    assert [path.suffix for path in write_figures(tmp_path, results)] == [".svg", ".svg"]


def test_a_folder_that_cannot_be_written_is_refused(results, tmp_path):
    (tmp_path / "figures").write_text("in the way")
    with pytest.raises(OutputError, match=r"accuracy\.svg"):
        write_figures(tmp_path, results)
