from dataclasses import replace

import pytest

from dpm_flower.core.errors import OutputError
from dpm_flower.metrics.spread import Spread
from dpm_flower.studies.figure_files import write_figures
from dpm_flower.studies.gains import ArmGain
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


def test_what_was_attacked_has_a_heat_map_and_three_points_a_frontier(results, tmp_path):
    attacked = {"headline_p": 0.31, "disclosed_p": 0.01, "A2.x.disclosed_p": 0.3}
    arms = ("one", "two", "three")
    rows = [replace(results.rows[0], arm=arm, figures={key: Spread(value, None, 1) for key, value in attacked.items()}) for arm in arms]
    gains = [ArmGain(arm=arm, value=0.5, low=0.4, high=0.6) for arm in arms]
    for count, wanted in ((2, ["disclosed.svg"]), (3, ["disclosed.svg", "frontier.svg"])):
        found = write_figures(tmp_path, replace(results, rows=tuple(rows), gains=tuple(gains[:count])))
        assert [path.name for path in found[2:]] == wanted
        assert all(b"<svg" in path.read_bytes()[:500] for path in found)


def test_without_pictures_there_are_none(results, tmp_path):
    assert [path.suffix for path in write_figures(tmp_path, results)] == [".svg", ".svg"]


def test_a_folder_that_cannot_be_written_is_refused(results, tmp_path):
    (tmp_path / "figures").write_text("in the way")
    with pytest.raises(OutputError, match=r"accuracy\.svg"):
        write_figures(tmp_path, results)
