import io
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from dpm_flower.studies.drawing import DARK, LIGHT, PALETTE
from dpm_flower.studies.facts import Holding
from dpm_flower.studies.figures import accuracy_bars, who_holds_what
from dpm_flower.studies.results import results_of
from tests.studies.hand_made import FACTS, STUDY


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def amount(image, colour):
    """How many pixels have this colour."""
    return int((np.abs(image - np.round(np.array(to_rgb(colour)) * 255)).max(-1) <= 1).sum())


def test_bars_are_as_high_as_the_accuracy(results):
    """The bars of one arm cover twice as many pixels where its accuracy is twice as high."""
    halved = tuple(replace(row, top1=replace(row.top1, mean=row.top1.mean / 2)) if row.arm == "FedAvg" else row for row in results.rows)
    place = results.arms.index("FedAvg")
    whole = amount(pixels(accuracy_bars(results, kind="png")), PALETTE[place])
    half = amount(pixels(accuracy_bars(replace(results, rows=halved), kind="png")), PALETTE[place])
    assert 1.8 < whole / half < 2.1


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


def test_the_same_results_give_the_same_bytes(holed):
    content = accuracy_bars(holed)
    assert ElementTree.fromstring(content).tag.endswith("svg")
    assert accuracy_bars(holed) == content
