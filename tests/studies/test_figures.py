import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from dpm_flower.core.arms import RECEIVED
from dpm_flower.studies.cells import arms_of
from dpm_flower.studies.drawing import DARK, LIGHT, PALETTE
from dpm_flower.studies.facts import Holding
from dpm_flower.studies.figures import accuracy_bars, trained_arms, who_holds_what
from dpm_flower.studies.results import results_of
from tests.studies.drawn import amount, pixels
from tests.studies.hand_made import FACTS, STUDY, outcomes


def test_bars_are_as_high_as_the_accuracy(results):
    """The bars of one arm cover twice as many pixels where its accuracy is twice as high."""
    halved = tuple(replace(row, figures={"top1": row.figure("top1", 0.5)}) if row.arm == "FedAvg" else row for row in results.rows)
    place = results.arms.index("FedAvg")
    whole = amount(pixels(accuracy_bars(results, kind="png")), PALETTE[place])
    half = amount(pixels(accuracy_bars(replace(results, rows=halved), kind="png")), PALETTE[place])
    assert 1.8 < whole / half < 2.1


def test_an_arm_in_which_nobody_trains_has_no_bars_and_no_crosses():
    judged = replace(STUDY, arms=(STUDY.arms[0], replace(STUDY.arms[2], refine="none")))
    some = [one if one.arm != "poisoned" else replace(one, quality={"ssim_p": 0.1}) for one in outcomes() if one.arm in arms_of(judged)]
    assert trained_arms(results_of(judged, some, FACTS)) == [RECEIVED, "own data"]
    assert trained_arms(results_of(judged, [], FACTS)) == [RECEIVED, "own data"]  # whatever became of them


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_a_chart_is_1000_pixels_wide_on_its_own_paper(results, scheme):
    image = pixels(accuracy_bars(results, scheme=scheme, kind="png"))
    assert image.shape[1] == 1000
    assert amount(image, scheme.paper) > image.shape[0] * image.shape[1] / 3


def test_svg_is_well_formed(holed):
    assert ElementTree.fromstring(who_holds_what(holed.facts)).tag.endswith("svg")


def test_a_run_without_any_figure_still_has_a_chart():
    empty = results_of(STUDY, [], replace(FACTS, tests={}))
    image = pixels(accuracy_bars(empty, kind="png"))
    legend_only = amount(image, PALETTE[5])
    assert 0 < legend_only < 1000


def test_holdings_of_nobody_and_of_many_classes_are_drawn():
    many = replace(FACTS, classes=tuple(map(str, range(100))), holdings=(Holding("a", (0,) * 100),), public=(3,) * 100)
    assert pixels(who_holds_what(many, kind="png")).shape[1] == 1000


def test_a_class_covers_as_much_as_it_has_images():
    """290 images of the first class and 300 of the last; segments that overlapped would hide parts of the first."""
    image = pixels(who_holds_what(FACTS, kind="png"))
    first, last = amount(image, "#00224e"), amount(image, "#fee838")  # the ends of cividis
    assert first / last == pytest.approx(290 / 300, rel=0.03)
    shorter = replace(FACTS, holdings=(FACTS.holdings[0], Holding("b", (10, 140, 0)), FACTS.holdings[2]))
    assert amount(pixels(who_holds_what(shorter, kind="png")), "#fee838") / last == pytest.approx(150 / 300, rel=0.05)


def test_a_large_public_part_has_a_scale_of_its_own():
    """Up to three times the largest entity it is drawn beside it, and makes the entities' bars shorter; a larger one does not."""

    def first_class(public):
        return amount(pixels(who_holds_what(replace(FACTS, public=(0, 0, public)), kind="png")), "#00224e")

    assert first_class(1200) < 0.4 * first_class(400)
    assert first_class(40000) > 0.9 * first_class(400)


def holding(entities, classes):
    """Facts of so many entities, some of whom have none of some classes, and of a large public part."""
    names = tuple(f"class {number}" for number in range(classes))
    held = tuple(Holding(f"e{number:03}", tuple((number * place) % 7 for place in range(classes))) for number in range(entities))
    return replace(FACTS, classes=names, holdings=held, public=(500,) * classes)


@pytest.mark.parametrize(("entities", "classes"), [(4, 10), (100, 3)])
def test_few_and_many_entities_fit(entities, classes):
    image = pixels(who_holds_what(holding(entities, classes), kind="png"))
    assert image.shape[1] == 1000
    assert image.shape[0] < 2000
    assert amount(image[:, -1:], LIGHT.paper) > len(image) - 10  # no text is cut off; an axis may end there


def test_many_entities_with_many_classes_make_no_large_file():
    assert len(who_holds_what(holding(40, 100))) < 600_000


def test_what_is_not_drawn_is_told():
    plain, told = (pixels(who_holds_what(facts, kind="png")) for facts in (FACTS, replace(FACTS, left_out={"held by nobody": 12})))
    assert amount(told[-40:], LIGHT.ink) > amount(plain[-40:], LIGHT.ink)


def test_the_same_results_give_the_same_bytes(holed):
    content = accuracy_bars(holed)
    assert ElementTree.fromstring(content).tag.endswith("svg")
    assert accuracy_bars(holed) == content
