import io

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from dpm_flower.studies.drawing import DARK, LIGHT, PALETTE
from dpm_flower.studies.sweep_figure import point_of, sweep_chart
from tests.studies.sweeps import hand_swept


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def amount(image, colour):
    return int((np.abs(image - np.round(np.array(to_rgb(colour)) * 255)).max(-1) <= 1).sum())


def test_points_are_printed_values_with_their_spread(results):
    whole, half, broken, _ = hand_swept(results).variants
    assert point_of(whole, "poisoned", "top1").value == pytest.approx(78.0)
    assert point_of(half, "poisoned", "top1").value == pytest.approx(39.0)
    assert point_of(whole, "poisoned", "top1").up == pytest.approx(1.0)
    assert point_of(whole, "poisoned", "ssim").value == pytest.approx(0.1)  # of shared features
    assert point_of(whole, "poisoned", "trivial").value == pytest.approx(40.0)
    gain, kept = results.gain("poisoned"), point_of(whole, "poisoned", "gain_kept")
    assert (kept.value - kept.down, kept.value + kept.up) == pytest.approx((100 * gain.low, 100 * gain.high))
    assert point_of(whole, "own data", "ssim") is point_of(whole, "own data", "gain_kept") is point_of(broken, "own data", "top1") is None


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_every_arm_with_the_figure_is_drawn_in_its_colour_and_no_other(results, scheme):
    image = pixels(sweep_chart(hand_swept(results), scheme=scheme, kind="png"))
    assert image.shape[1] == 1000
    assert all(amount(image, colour) > 100 for colour in PALETTE[: len(results.arms)])
    released = pixels(sweep_chart(hand_swept(results, figure="ssim"), scheme=scheme, kind="png"))
    assert [amount(released, colour) > 100 for colour in PALETTE[:4]] == [True, True, False, False]


def test_a_sweep_without_figures_has_an_empty_chart(results):
    empty = hand_swept(results)
    assert b"<svg" in sweep_chart(hand_swept(results, variants=empty.variants[2:]))


def test_the_same_results_give_the_same_bytes(results):
    assert sweep_chart(hand_swept(results)) == sweep_chart(hand_swept(results))
