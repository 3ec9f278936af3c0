import csv
import io
import json
from dataclasses import replace

import pytest

from dpm_flower.core.errors import OutputError, StudyError
from dpm_flower.studies.results import results_of
from dpm_flower.studies.results_csv import QUALITY
from dpm_flower.studies.rows import MEAN
from dpm_flower.studies.sweep_files import FORMAT, HEADER, read_sweep, sweep_csv, write_sweep
from tests.studies.hand_made import FACTS, STUDY, outcomes
from tests.studies.sweeps import hand_swept


def lines(results):
    return list(csv.DictReader(io.StringIO(sweep_csv(hand_swept(results)))))


def test_what_is_read_back_is_equal(tmp_path, holed):
    page = write_sweep(tmp_path / "out", hand_swept(holed))
    assert page.name == "sweep.html"
    assert read_sweep(tmp_path / "out") == hand_swept(holed)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["sweep.csv", "sweep.html", "sweep.json"]


def test_every_figure_of_every_row_has_one_line_with_the_same_float(results):
    figures = {(line["variant"], line["arm"], line["entity"], line["figure"]): line for line in lines(results)}
    assert len(figures) == len(lines(results))
    for variant in hand_swept(results).variants:
        for row in variant.rows:
            for key, value in row.figures.items():
                line = figures[variant.label, row.arm, row.entity, key]
                assert (float(line["mean"]), float(line["sd"]), int(line["seeds"])) == (value.mean, value.deviation, value.count)


def test_quality_stands_before_costs_also_that_of_new_names_and_the_mean_row_has_the_gain():
    some = [replace(one, quality={**one.quality, "rank1": 0.5}) if one.arm == "poisoned" else one for one in outcomes()]
    found = lines(results_of(STUDY, some, FACTS))
    of_mean = [line["figure"] for line in found if (line["variant"], line["arm"], line["entity"]) == ("alpha-1", "poisoned", MEAN)]
    known = ["top1", "validation_top1", "top1_z", "top1_p", "ssim_z", "ssim_p"]
    assert [name for name in of_mean if name in known] == sorted(known, key=QUALITY.index)
    assert of_mean[len(known) :] == ["rank1", "cost_bytes_fetched", "cost_bytes_sent", "cost_seconds", "gain_kept"]
    assert tuple(found[0]) == HEADER


def test_what_is_missing_has_a_line_with_its_reason(holed):
    reasons = {(line["variant"], line["arm"], line["entity"]): line["reason"] for line in lines(holed) if line["reason"]}
    assert reasons["broken", "", ""] == "QuorumError: <nobody> was there"
    assert reasons["later", "", ""] == "left out: no data"
    assert reasons["alpha-1", "FedAvg", "b"] == "seed 1: no reply within 60 s"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "dpm-flower results 2"}'])
def test_other_files_are_refused(text):
    with pytest.raises(StudyError, match=r"sweep\.json"):
        FORMAT.value(text, "sweep.json")


def test_a_changed_file_is_refused_with_the_place(results):
    plain = json.loads(FORMAT.text(hand_swept(results)))
    plain["variants"][0]["rows"] = None
    with pytest.raises(StudyError, match=r"variants\[0\].rows"):
        FORMAT.value(json.dumps(plain), "sweep.json")


def test_folders_without_a_sweep_or_that_cannot_be_made_are_refused(tmp_path, results):
    with pytest.raises(StudyError, match=r"sweep\.json"):
        read_sweep(tmp_path)
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="out"):
        write_sweep(tmp_path / "out", hand_swept(results))
