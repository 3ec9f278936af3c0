from dataclasses import replace

import pytest

from dpm_flower.studies.frontier_figure import frontier_chart, frontier_of
from dpm_flower.studies.gains import ArmGain
from dpm_flower.studies.results import results_of
from tests.studies.hand_made import FACTS, STUDY, outcomes

HEADLINE = {"headline_p": 0.2, "headline_p_low": 0.15, "headline_p_high": 0.27}


def rows(figures):
    some = [replace(one, quality={**one.quality, **figures}) if one.arm == "poisoned" else one for one in outcomes()]
    return results_of(STUDY, some, FACTS).rows


def test_an_arm_whose_gain_and_headline_are_known_is_a_point_with_both_intervals():
    (point,) = frontier_of(rows(HEADLINE), [ArmGain(arm="poisoned", value=0.7, low=0.5, high=0.9), ArmGain(arm="own", value=0.1)])
    assert (point.arm, point.gain, point.gain_ends) == ("poisoned", 0.7, (0.5, 0.9))
    assert (point.headline, *point.headline_ends) == pytest.approx((0.2, 0.15, 0.27))


def test_an_end_that_is_open_is_the_point_itself():
    (point,) = frontier_of(rows({"headline_p": 0.2}), [ArmGain(arm="poisoned", value=0.7)])
    assert (*point.gain_ends, *point.headline_ends) == pytest.approx((0.7, 0.7, 0.2, 0.2))


def test_arms_without_one_of_them_are_no_points():
    assert frontier_of(rows(HEADLINE), [ArmGain(arm="poisoned", reason="not measurable")]) == ()
    assert frontier_of(rows({}), [ArmGain(arm="poisoned", value=0.7)]) == ()


def test_the_same_points_give_the_same_picture():
    points = frontier_of(rows(HEADLINE), [ArmGain(arm="poisoned", value=0.7, low=0.5, high=0.9)])
    assert frontier_chart(points) == frontier_chart(points)
    assert frontier_chart(points, kind="png").startswith(b"\x89PNG")
