import matplotlib as mpl
import pytest
from matplotlib.patches import Patch

from dpm_flower.studies.drawing import DARK, HATCHES, LIGHT, PALETTE, canvas, image_bytes, legend_columns, literal


def luminance(colour):
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", [LIGHT, DARK])
def test_text_stands_out_from_the_paper(scheme):
    dark, light = sorted((luminance(scheme.ink), luminance(scheme.paper)))
    assert (light + 0.05) / (dark + 0.05) > 7  # WCAG AAA


def test_looks_are_all_different():
    assert len(set(PALETTE)) == len(PALETTE)
    assert len(set(HATCHES)) == len(HATCHES)


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_any_text_is_drawn_and_the_same_figure_gives_the_same_bytes(kind):
    def drawn():
        figure = canvas(2, 1, LIGHT)
        figure.text(0, 0, literal("$\\frac{$"))
        return image_bytes(figure, kind)

    before = dict(mpl.rcParams)
    assert drawn() == drawn()
    assert dict(mpl.rcParams) == before


def test_a_label_is_never_hidden():
    assert literal("_arm") == " _arm"
    assert literal("a_b") == "a_b"


@pytest.mark.parametrize("labels", [["a"] * 9, ["a name of middling length"] * 9, ["W" * 25, "x"], ["one long name " * 5] * 3])
def test_a_legend_stays_inside_a_figure_of_1000_pixels(labels):
    figure = canvas(10, 4, LIGHT)
    legend = figure.legend([Patch() for _ in labels], labels, loc="outside upper left", ncols=legend_columns(labels), fontsize=10)
    image_bytes(figure, "png")
    assert legend.get_window_extent().x1 <= 1000
