import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

from dpm_flower.studies.curves import curves_of
from dpm_flower.studies.curves_figure import cost_curves
from dpm_flower.studies.drawing import DARK, LIGHT, PALETTE
from tests.studies import averaged
from tests.studies.drawn import amount, coloured, pixels


@pytest.fixture(scope="module")
def curves():
    return curves_of(averaged.results())


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_a_chart_is_1000_pixels_wide_and_shows_every_arm(curves, scheme):
    image = pixels(cost_curves(curves, scheme=scheme, kind="png"))
    assert image.shape[1] == 1000
    assert all(amount(image, colour) > 20 for colour in PALETTE[: len(curves)])


def test_an_arm_that_averages_is_a_line_and_another_a_mark(curves):
    image = pixels(cost_curves(curves, kind="png"))
    arms = [curve.arm for curve in curves]
    assert amount(image, PALETTE[arms.index("slow")]) > 2 * amount(image, PALETTE[arms.index("poisoned")])


def test_higher_accuracy_stands_higher(curves):
    """With one arm five points up, the rows of its colour move up; the legend stays."""

    place = [curve.arm for curve in curves].index("slow")

    def height(drawn):
        image = pixels(cost_curves(drawn, kind="png"))
        return np.nonzero(coloured(image, PALETTE[place]).any(1))[0].mean()

    raised = tuple(replace(point, top1=replace(point.top1, mean=point.top1.mean + 0.05)) for point in curves[place].points)
    assert height([*curves[:place], replace(curves[place], points=raised), *curves[place + 1 :]]) < height(curves) - 5


def test_many_arms_and_none_are_drawn(curves):
    assert ElementTree.fromstring(cost_curves([replace(curves[4], arm=f"arm {number}") for number in range(40)])).tag.endswith("svg")
    assert ElementTree.fromstring(cost_curves([])).tag.endswith("svg")


def test_the_same_curves_give_the_same_bytes(curves):
    assert cost_curves(curves) == cost_curves(curves)


def test_a_point_whose_cost_nobody_knows_stands_in_the_other_panel_only(curves):
    place = [curve.arm for curve in curves].index("slow")
    unknown = replace(curves[place], points=tuple(replace(point, bytes_fetched=None) for point in curves[place].points))
    whole, half = (pixels(cost_curves([*curves[:place], each, *curves[place + 1 :]], kind="png")) for each in (curves[place], unknown))
    middle = whole.shape[1] // 2
    left, right = (whole[120:, :middle], half[120:, :middle]), (whole[120:, middle:], half[120:, middle:])  # below the legend
    assert amount(left[1], PALETTE[place]) < 0.2 * amount(left[0], PALETTE[place])
    assert amount(right[1], PALETTE[place]) > 0.8 * amount(right[0], PALETTE[place])
