import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpm_flower.core.errors import MetricError
from dpm_flower.metrics.bjontegaard import bd_difference, bd_quality, bd_rate, common_range, rising

CURVE = [(100.0, 30.0), (200.0, 33.5), (400.0, 36.0), (900.0, 38.0)]
FACTORS = st.floats(0.1, 10)


@settings(deadline=None, max_examples=40)
@given(FACTORS)
def test_a_curve_that_takes_so_much_of_the_rate_everywhere_saves_that(factor):
    other = [(rate * factor, quality) for rate, quality in CURVE]
    assert bd_rate(CURVE, other) == pytest.approx(factor - 1)


@settings(deadline=None, max_examples=40)
@given(st.floats(-20, 20))
def test_a_curve_that_lies_so_much_higher_gains_that(offset):
    other = [(rate, quality + offset) for rate, quality in CURVE]
    assert bd_quality(CURVE, other) == pytest.approx(offset, abs=1e-9)


def test_straight_lines_have_a_closed_form():
    """Quality a + b log2(rate): straight in the logarithm of the rate, so that every interpolation is exact."""
    line = [(2.0**k, 10 + 3.0 * k) for k in range(1, 6)]
    steep = [(2.0**k, 7 + 4.0 * k) for k in range(2, 7)]
    # at equal log2(rate) k from 2 to 5 the difference is k - 3, whose mean is 0.5
    assert bd_quality(line, steep) == pytest.approx(0.5)
    # at equal quality q from 15 to 25: k = (q - 7) / 4 against (q - 10) / 3, whose mean difference is 13/4 - 10/3
    assert bd_rate(line, steep) == pytest.approx(2 ** (13 / 4 - 10 / 3) - 1)


def test_only_what_both_curves_have_counts():
    far = [*CURVE, (5000.0, 50.0)]
    assert bd_rate(CURVE, far) == pytest.approx(0, abs=0.02)
    assert bd_quality([(rate, quality) for rate, quality in far if rate < 1000], CURVE) == 0


def test_what_curves_have_in_common_is_told():
    assert common_range(CURVE, [(50.0, 1.0), (300.0, 2.0)]) == (100.0, 300.0)
    with pytest.raises(MetricError, match="no x in common"):
        common_range(CURVE, [(900.0, 1.0), (1000.0, 2.0)])


def test_exchanged_curves_exchange_signs():
    other = [(rate * 1.3 + 20, quality + 0.1 * k) for k, (rate, quality) in enumerate(CURVE)]
    assert bd_quality(CURVE, other) == pytest.approx(-bd_quality(other, CURVE))
    assert (1 + bd_rate(CURVE, other)) * (1 + bd_rate(other, CURVE)) == pytest.approx(1)


def test_the_order_of_points_and_the_unit_of_the_rate_do_not_matter():
    other = [(rate * 0.7, quality - 0.2) for rate, quality in CURVE]
    assert bd_rate(CURVE[::-1], other) == bd_rate(CURVE, other)
    in_bits = [[(8 * rate, quality) for rate, quality in curve] for curve in (CURVE, other)]
    assert bd_rate(*in_bits) == pytest.approx(bd_rate(CURVE, other))


def test_it_agrees_with_a_fine_sum_over_a_cubic_that_keeps_its_shape():
    """A slow reference: the monotone cubic written out for one interval and summed."""
    two, flat = [(1.0, 0.0), (math.e, 1.0)], [(1.0, 0.0), (math.e, 0.0)]
    assert bd_quality(flat, two) == pytest.approx(0.5)  # two points: a straight line
    bent, level = [(1.0, 0.0), (math.e, 1.0), (math.e**2, 1.0)], [(1.0, 0.0), (math.e, 0.0), (math.e**2, 0.0)]
    t = np.linspace(0, 1, 10001)
    # slopes at the three knots by Fritsch and Butland: 1.5 (one-sided, three-point), 0 (a flat side), 0
    cubic = (t**3 - 2 * t**2 + t) * 1.5 + (-2 * t**3 + 3 * t**2)
    assert bd_quality(level, bent) == pytest.approx((np.trapezoid(cubic, t) + 1) / 2, rel=1e-6)


def test_differences_at_equal_x_take_x_as_it_is():
    assert bd_difference([(-1.0, 0.0), (1.0, 2.0)], [(0.0, 4.0), (2.0, 4.0)]) == pytest.approx(4 - 1.5)


def test_points_that_cost_more_and_give_no_more_are_left_out():
    assert rising([(3, 5), (1, 2), (2, 1), (2, 5), (4, 6), (4, 7)]) == [(1, 2), (2, 5), (4, 7)]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (CURVE[:1], "at least 2 points, got 1"),
        ([(0.0, 30.0), (2.0, 35.0)], "rates > 0, got 0"),
        ([(-1.0, 30.0), (2.0, 35.0)], "rates > 0"),
        ([(1.0, math.nan), (2.0, 35.0)], "finite"),
        ([(1.0, 30.0), (math.inf, 35.0)], "finite"),
        ([(1.0, 50.0), (2.0, 60.0)], "no quality in common: one ends at 38, the other begins at 50"),
        ([(1.0, 38.0), (2.0, 60.0)], "no quality in common"),
        ([(1.0, 31.0), (2.0, 31.0)], "on which quality rises"),
        ([(1.0, 32.0), (2.0, 31.0)], "on which quality rises"),
    ],
)
def test_curves_that_cannot_be_compared_are_refused(other, said):
    with pytest.raises(MetricError, match=said):
        bd_rate(CURVE, other)
    with pytest.raises(MetricError):
        bd_rate(other, CURVE)


def test_at_equal_rate_there_must_be_equal_rates():
    with pytest.raises(MetricError, match="no rate in common"):
        bd_quality(CURVE, [(1000.0, 30.0), (2000.0, 31.0)])
    with pytest.raises(MetricError, match="on which rate rises"):
        bd_quality(CURVE, [(100.0, 30.0), (100.0, 31.0)])
