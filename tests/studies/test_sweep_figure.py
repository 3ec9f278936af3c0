from dataclasses import replace

import numpy as np
import pytest

from dpm_flower.studies.drawing import DARK, LIGHT, PALETTE
from dpm_flower.studies.sweep_figure import point_of, sweep_chart
from tests.studies.drawn import amount, coloured, pixels
from tests.studies.sweeps import hand_swept


def test_points_are_printed_values_with_their_spread(results):
    whole, half, broken, _ = hand_swept(results).variants
    assert point_of(whole, "poisoned", "top1").value == pytest.approx(78.0)
    assert point_of(half, "poisoned", "top1").value == pytest.approx(39.0)
    assert point_of(whole, "poisoned", "top1").high == pytest.approx(79.0)
    assert point_of(whole, "poisoned", "top1").low == pytest.approx(77.0)
    assert point_of(whole, "poisoned", "ssim").value == pytest.approx(0.1)  # of shared features
    assert point_of(whole, "poisoned", "trivial").value == pytest.approx(40.0)
    gain, kept = results.gain("poisoned"), point_of(whole, "poisoned", "gain_kept")
    assert (kept.low, kept.high) == pytest.approx((100 * gain.low, 100 * gain.high))
    assert point_of(whole, "own data", "ssim") is point_of(whole, "own data", "gain_kept") is point_of(broken, "own data", "top1") is None


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_every_arm_with_the_figure_is_drawn_in_its_colour_and_no_other(results, scheme):
    image = pixels(sweep_chart(hand_swept(results), scheme=scheme, kind="png"))
    assert image.shape[1] == 1000
    assert all(amount(image, colour) > 100 for colour in PALETTE[: len(results.arms)])
    released = pixels(sweep_chart(hand_swept(results, figure="ssim"), scheme=scheme, kind="png"))
    assert [amount(released, colour) > 100 for colour in PALETTE[:4]] == [True, True, False, False]


def bounded(results, low, high):
    """A sweep's first variant, with gain kept drawn and the interval of its first gain changed."""
    gains = (replace(results.gains[0], low=low, high=high), *results.gains[1:])
    variants = (replace(hand_swept(results).variants[0], gains=gains),)
    return hand_swept(results, variants=variants, figure="gain_kept")


def test_an_interval_without_a_bound_reaches_the_edge_of_the_chart(results):
    """A short bar, one without lower bound and one without any: each has more rows of the arm's colour, and the last an arrow on top."""
    value = results.gains[0].value
    heights = []
    for low, high in ((value - 0.01, value + 0.01), (None, value + 0.01), (None, None)):
        image = pixels(sweep_chart(bounded(results, low, high), kind="png"))[60:]
        rows = coloured(image, PALETTE[0], off=40).any(1)
        heights.append(int(rows.sum()))
    assert heights[0] + 30 < heights[1] < heights[2] - 30
    point = point_of(bounded(results, None, 1.0).variants[0], results.gains[0].arm, "gain_kept")
    assert (point.low, point.high) == (-np.inf, 100.0)


def test_an_interval_that_does_not_hold_its_value_is_drawn_where_it_lies(results):
    value = results.gains[0].value
    above, below = (bounded(results, value + 0.1 * sign - 0.02, value + 0.1 * sign + 0.02) for sign in (1, -1))
    points = [point_of(one.variants[0], results.gains[0].arm, "gain_kept") for one in (above, below)]
    assert points[0].low > points[0].value > points[1].high
    assert all(b"<svg" in sweep_chart(one) for one in (above, below))


def test_a_sweep_without_figures_has_an_empty_chart(results):
    empty = hand_swept(results)
    assert b"<svg" in sweep_chart(hand_swept(results, variants=empty.variants[2:]))


def test_the_same_results_give_the_same_bytes(results):
    assert sweep_chart(hand_swept(results)) == sweep_chart(hand_swept(results))
