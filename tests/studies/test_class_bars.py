import numpy as np
import pytest
from matplotlib.collections import PolyCollection

from dpm_flower.studies.class_bars import LEAST_ROW_IN, MANY, ROW_IN, Holder, class_bars, row_height_in
from dpm_flower.studies.drawing import LIGHT, canvas

CLASSES = ("a", "b", "c")


def drawn(holders, classes=CLASSES, row_in=ROW_IN):
    """The axes, the segments as one collection, and the corners of each (S,4,2)."""
    axes = canvas(10, 4, LIGHT).subplots()
    class_bars(axes, holders, classes, row_in, LIGHT)
    (segments,) = [each for each in axes.collections if isinstance(each, PolyCollection)]
    return axes, segments, np.array([path.vertices[:4] for path in segments.get_paths()])


def test_segments_are_the_counts_one_after_the_other():
    _, _, corners = drawn([Holder("x", (4, 0, 2)), Holder("y", (1, 1, 1))])
    left, right, middle = corners[:, 0, 0], corners[:, 1, 0], corners[:, :, 1].mean(1)
    found = [(x0, x1, round(y)) for x0, x1, y in zip(left, right, middle, strict=True)]
    assert found == [(0, 4, 0), (4, 6, 0), (0, 1, 1), (1, 2, 1), (2, 3, 1)]


def test_totals_and_names_are_written():
    axes, _, _ = drawn([Holder("$x$", (4000, 0, 2)), Holder("_y", (0, 0, 0))])
    assert {text.get_text() for text in axes.texts} == {"4,002", "0", "a"}  # a class name where there is room for it
    assert [label.get_text() for label in axes.get_yticklabels()] == [r"\$x\$", " _y"]
    low, _, _ = drawn([Holder("x", (4000, 0, 2))], row_in=LEAST_ROW_IN)
    assert [text.get_text() for text in low.texts] == ["4,002"]


def test_the_more_rows_the_lower_within_bounds():
    heights = [row_height_in(rows) for rows in (1, 4, 13, 30, 100, 1000)]
    assert heights == sorted(heights, reverse=True)
    assert (heights[0], heights[-1]) == (ROW_IN, LEAST_ROW_IN)


@pytest.mark.parametrize(("holders", "rasterized"), [(3, False), (MANY // 1000 + 1, True)])
def test_more_segments_than_an_svg_should_hold_become_a_picture(holders, rasterized):
    classes = tuple(map(str, range(1000 if rasterized else 3)))
    _, segments, corners = drawn([Holder(str(number), (1,) * len(classes)) for number in range(holders)], classes, LEAST_ROW_IN)
    assert len(corners) == len(classes) * holders
    assert bool(segments.get_rasterized()) is rasterized


def test_narrow_segments_are_not_hidden_by_their_edges():
    _, segments, _ = drawn([Holder("x", (1000, 3, 500))])
    widths = segments.get_linewidth()
    assert widths[1] == 0 < widths[0] == widths[2]
