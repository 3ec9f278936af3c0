import json

import pytest

from dpm_flower.core.errors import OutputError, StudyError
from dpm_flower.studies.curves_csv import curves_csv
from dpm_flower.studies.results_csv import quality_csv
from dpm_flower.studies.results_files import FORMAT, read_results, write_results
from tests.studies import averaged


def test_what_is_read_back_is_equal(tmp_path, holed):
    paths = write_results(tmp_path / "run", holed)
    assert sorted(path.name for path in paths) == ["curves.csv", "quality.csv", "results.csv", "results.json"]
    assert read_results(tmp_path / "run") == holed
    assert (tmp_path / "run" / "quality.csv").read_text() == quality_csv(holed.cells)


def test_rounds_and_tunings_are_read_back(tmp_path):
    results = averaged.results()
    write_results(tmp_path, results)
    again = read_results(tmp_path)
    assert again == results
    assert any(cell.rounds for cell in again.cells)
    assert again.tunings
    assert (tmp_path / "curves.csv").read_text() == curves_csv(results.cells)


def test_the_text_is_strict_json(results):
    def refused(constant):
        raise AssertionError(constant)

    plain = json.loads(FORMAT.text(results), parse_constant=refused)
    assert plain["seeds"] == [0, 1, 2]
    assert plain["settings"]["backbone"] == "resnet20"
    assert plain["facts"]["machine"] == {"processor": "hand-made", "threads": "1"}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "something else"}'])
def test_other_files_are_refused(text):
    with pytest.raises(StudyError, match=r"results\.json"):
        FORMAT.value(text, "results.json")


def test_a_changed_file_is_refused_with_the_place(results):
    plain = json.loads(FORMAT.text(results))
    plain["rows"][0]["figures"]["top1"]["mean"] = "high"
    with pytest.raises(StudyError, match=r"rows\[0\].figures.top1.mean"):
        FORMAT.value(json.dumps(plain), "results.json")


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"results\.json"):
        read_results(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path, results):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(OutputError, match="run"):
        write_results(tmp_path / "run", results)
