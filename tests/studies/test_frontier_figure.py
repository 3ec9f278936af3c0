import io
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from dpm_flower.studies.drawing import PALETTE
from dpm_flower.studies.frontier_figure import MARKERS, FrontierPoint, frontier_chart, frontier_of, mark
from dpm_flower.studies.gains import ArmGain
from dpm_flower.studies.results import results_of
from tests.studies.hand_made import FACTS, STUDY, outcomes

HEADLINE = {"headline_p": 0.2, "headline_p_low": 0.15, "headline_p_high": 0.27}


GAIN = ArmGain(arm="poisoned", value=0.7, low=0.5, high=0.9)


def rows(figures):
    """`figures` of the releases of one arm, or for each seed and entity what it is called with them for."""
    of = figures if callable(figures) else lambda seed, entity: figures
    some = [replace(one, quality={**one.quality, **of(one.seed, one.entity)}) if one.arm == "poisoned" else one for one in outcomes()]
    return results_of(STUDY, some, FACTS).rows


def without(*ends):
    return {key: value for key, value in HEADLINE.items() if key not in ends}


def extent(chart, across):
    """A chart -> in how many columns, or rows, below the legend anything has the first arm's colour."""
    image = np.asarray(Image.open(io.BytesIO(chart)).convert("RGB")).astype(int)[60:]
    coloured = np.abs(image - np.round(np.array(to_rgb(PALETTE[0])) * 255)).max(-1) <= 40
    return int(coloured.any(0 if across else 1).sum())


def test_an_arm_whose_gain_and_headline_are_known_is_a_point_with_both_intervals():
    (point,) = frontier_of(rows(HEADLINE), [ArmGain(arm="poisoned", value=0.7, low=0.5, high=0.9), ArmGain(arm="own", value=0.1)])
    assert (point.arm, point.gain, point.gain_ends) == ("poisoned", 0.7, (0.5, 0.9))
    assert (point.headline, *point.headline_ends) == pytest.approx((0.2, 0.15, 0.27))


def test_an_end_that_is_not_known_is_open():
    (point,) = frontier_of(rows({"headline_p": 0.2}), [ArmGain(arm="poisoned", value=0.7)])
    assert point.gain_ends == point.headline_ends == (None, None)
    (point,) = frontier_of(rows(without("headline_p_high")), [replace(GAIN, low=None)])
    assert (point.gain_ends, point.headline_ends) == ((None, 0.9), (pytest.approx(0.15), None))


def test_an_end_that_some_seeds_have_is_not_the_end_of_the_mean_of_all():
    """One seed's interval about 0.5 says nothing of a mean of 0.5, 0.1 and 0.1."""
    known = {"headline_p": 0.5, "headline_p_low": 0.45, "headline_p_high": 0.55}
    (point,) = frontier_of(rows(lambda seed, _: known if seed == 0 else {"headline_p": 0.1}), [GAIN])
    assert (point.headline, point.headline_ends) == (pytest.approx(0.7 / 3), (None, None))
    (point,) = frontier_of(rows(lambda seed, _: HEADLINE if seed == 0 else without("headline_p_high")), [GAIN])
    assert point.headline_ends == (pytest.approx(0.15), None)


def test_an_end_that_some_entities_have_is_not_the_end_of_the_mean_of_all():
    known = {"headline_p": 0.5, "headline_p_low": 0.45, "headline_p_high": 0.55}
    (point,) = frontier_of(rows(lambda _, entity: known if entity == "a" else {"headline_p": 0.1}), [GAIN])
    assert (point.headline, point.headline_ends) == (pytest.approx(0.7 / 3), (None, None))


@pytest.mark.parametrize("across", [True, False])
def test_an_open_end_reaches_the_edge_of_the_chart_and_a_known_one_does_not(across):
    """Short lines, then one side open, then both: each is longer in this direction and as long as before in the other."""
    corners = [FrontierPoint(str(place), place, (place, place), place, (place, place)) for place in (0.1, 0.9)]
    lengths, others = [], []
    for low, high in ((0.48, 0.52), (0.48, None), (None, 0.52), (None, None)):
        known, ends = (0.48, 0.52), (low, high)
        headline_ends, gain_ends = (ends, known) if across else (known, ends)
        point = FrontierPoint("one", 0.5, gain_ends, 0.5, headline_ends)
        chart = frontier_chart([point, *corners], kind="png")
        lengths.append(extent(chart, across))
        others.append(extent(chart, not across))
    short, up, down, both = lengths
    assert min(up, down) > short + 100
    assert both > max(up, down) + 100
    assert max(others) <= 2 * min(others)


def test_points_are_where_they_were_when_an_end_is_open():
    """An arrow ends at the edge that the known values have."""
    point = FrontierPoint("one", 0.5, (0.4, 0.6), 0.5, (0.3, 0.5))
    one, other = (extent(frontier_chart([each], kind="png"), True) for each in (point, replace(point, gain_ends=(None, 0.6))))
    assert abs(one - other) <= 6


def test_arms_without_one_of_them_are_no_points():
    assert frontier_of(rows(HEADLINE), [ArmGain(arm="poisoned", reason="not measurable")]) == ()
    assert frontier_of(rows({}), [ArmGain(arm="poisoned", value=0.7)]) == ()
    assert frontier_of(rows(HEADLINE), [ArmGain(arm="poisoned", value=0.7, of_networks=True)]) == ()  # 1 would be raw images


def test_the_same_points_give_the_same_picture():
    points = frontier_of(rows(HEADLINE), [ArmGain(arm="poisoned", value=0.7, low=0.5, high=0.9)])
    assert frontier_chart(points) == frontier_chart(points)
    assert frontier_chart(points, kind="png").startswith(b"\x89PNG")


def test_no_two_arms_share_both_mark_and_colour():
    places = range(len(PALETTE) * len(MARKERS))
    assert len({(mark(place), place % len(PALETTE)) for place in places}) == len(places)
