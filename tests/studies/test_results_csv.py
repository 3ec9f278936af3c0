import csv
import io
import random
from dataclasses import replace

from dpm_flower.studies.cells import cells_of
from dpm_flower.studies.results_csv import COST_PREFIX, quality_csv, results_csv
from tests.studies.hand_made import STUDY, changed, outcomes


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_every_figure_comes_back_as_the_same_float(holed):
    lines = read(results_csv(holed.cells))
    assert len(lines) == len(holed.cells)
    for line, cell in zip(lines, holed.cells, strict=True):
        assert (int(line["seed"]), line["arm"], line["entity"], line["reason"]) == (cell.seed, cell.arm, cell.entity, cell.reason)
        figures = {name: float(value) for name, value in line.items() if value and name not in ("seed", "arm", "entity", "reason")}
        assert figures == {**cell.quality, **{COST_PREFIX + name: value for name, value in cell.costs.items()}}


def test_quality_stands_before_the_reason_and_costs_behind_it(results):
    header = next(csv.reader(io.StringIO(results_csv(results.cells))))
    assert [name.startswith(COST_PREFIX) for name in header] == [False] * (header.index("reason") + 1) + [True] * 3
    assert COST_PREFIX not in quality_csv(results.cells)


def test_quality_is_the_same_text_whatever_order_and_machine():
    slower = [replace(one, costs={"seconds": random.Random(one.seed).random()}) for one in outcomes()]
    random.Random(2).shuffle(slower)
    assert quality_csv(cells_of(STUDY, slower)) == quality_csv(cells_of(STUDY, outcomes()))
    better = changed(outcomes(), 0, "poisoned", "a", quality={"top1": 0.7800000000000001})
    assert quality_csv(cells_of(STUDY, better)) != quality_csv(cells_of(STUDY, outcomes()))


def test_a_figure_of_a_new_name_gets_a_column_of_its_own():
    more = changed(outcomes(), 0, "poisoned", "a", quality={"top1": 0.5, "rank1": 0.25})
    lines = read(quality_csv(cells_of(STUDY, more)))
    assert {line["rank1"] for line in lines} == {"", "0.25"}


def test_names_with_commas_quotes_and_lines_survive():
    study = replace(STUDY, arms=(replace(STUDY.arms[0], name='own, "quoted"'),))
    lines = read(quality_csv(cells_of(study, [])))
    assert lines[3]["arm"] == 'own, "quoted"'
