import io

import pytest
from rich.console import Console

from dpm_flower.studies.fitted_table import LEAST_WORDS, Strip, fitted_table, left_out

WORD = "w" * LEAST_WORDS
STRIPS = (
    Strip("arm", [f"{WORD} and more", "b"], words=True),
    Strip("first\n%", ["10.0 ± 1.0", "20.0 ± 1.0"]),
    Strip("costly", ["1.00", "2.00"], minor=True),
    Strip("second", ["0.1 → 0.2", "–"]),
    Strip("time", ["3", "4"], minor=True),
)


def printed(width):
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(fitted_table(STRIPS, width, bold=[False, True], sections=[False, False]))
    return console.file.getvalue()


def test_minor_columns_go_first_from_the_right_and_the_first_figure_never():
    gone = [left_out(STRIPS, width) for width in range(100, 0, -1)]
    assert list(dict.fromkeys(gone)) == [(), (4,), (2, 4), (2, 3, 4)]


@pytest.mark.parametrize("width", range(34, 100, 3))
def test_no_line_is_too_wide_and_no_figure_is_cut(width):
    lines = printed(width).splitlines()
    assert max(map(len, lines)) <= width
    if len(left_out(STRIPS, width)) < 3:  # as long as a figure is left to give way, words keep room to be read
        assert any(line.startswith(WORD) for line in lines)
    for place, strip in enumerate(STRIPS):
        if not strip.words and place not in left_out(STRIPS, width):
            assert all(any(text in line for line in lines) for text in strip.texts)
