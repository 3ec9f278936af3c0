import csv
import io
from dataclasses import replace

from dpm_flower.studies.cells import cells_of
from dpm_flower.studies.curves_csv import curves_csv
from tests.studies import averaged


def lines(cells):
    return list(csv.DictReader(io.StringIO(curves_csv(cells))))


def test_every_round_of_every_entity_is_a_line():
    cells = cells_of(averaged.STUDY, averaged.outcomes())
    found = lines(cells)
    assert [(line["seed"], line["arm"], line["entity"], line["round"]) for line in found] == [
        (str(seed), arm, entity, str(number)) for seed in (0, 1, 2) for arm in averaged.TOP1 for entity in "abc" for number in (1, 2)
    ]


def test_figures_are_read_back_as_they_were():
    for line in lines(cells_of(averaged.STUDY, averaged.outcomes())):
        figures = averaged.outcome(int(line["seed"]), line["arm"], line["entity"]).rounds[int(line["round"]) - 1]
        assert [float(line[f"cost_{name}"]) for name in ("bytes_sent", "seconds")] == [figures.costs[n] for n in ("bytes_sent", "seconds")]
        assert line["cost_bytes_fetched"] == ""  # these cells say nothing of it
        for name in ("top1", "validation_top1"):
            assert line[name] == (repr(figures.quality[name]) if line["entity"] == averaged.JUDGE else "")


def test_costs_stand_behind_quality_and_change_none_of_it():
    outcomes = averaged.outcomes()
    dearer = [replace(one, rounds=tuple(replace(each, costs={"seconds": 99.0}) for each in one.rounds)) for one in outcomes]
    texts = [curves_csv(cells_of(averaged.STUDY, each)) for each in (outcomes, dearer)]
    head = texts[0].splitlines()[0].split(",")
    assert head == ["seed", "arm", "entity", "round", "top1", "validation_top1", "cost_bytes_sent", "cost_bytes_fetched", "cost_seconds"]
    quality = [[line.rsplit(",", 3)[0] for line in text.splitlines()] for text in texts]
    assert quality[0] == quality[1]
    assert texts[0] != texts[1]


def test_arms_without_rounds_have_no_lines(results):
    assert curves_csv(results.cells).count("\n") == 1
