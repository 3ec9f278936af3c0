import pytest

from dpm_flower.core.errors import StudyError
from dpm_flower.core.figures import DEFAULT_COLUMNS, FIGURES
from dpm_flower.metrics.spread import Spread
from dpm_flower.studies.columns import columns_named, gain_texts
from dpm_flower.studies.rows import Row, summaries


def row(trained=True, **figures):
    figures = {key: Spread(value, 0.01, 3) for key, value in figures.items()}
    return Row(arm="x", entity="a", figures=figures, test_images=10, trivial=0.25, missing=(), trained=trained)


def text(name, one, spread=False):
    return columns_named([name])[0].text(one, "the gain", spread=spread)


def test_figures_are_printed_in_their_unit():
    one = row(top1=0.8, top5=0.9, ssim_z=0.7, ssim_p=0.1, psnr_p=12.34, cost_bytes_sent=2.5e6, cost_seconds=3.14, cost_sender_seconds=1.0)
    assert text("top1", one) == "80.0 ± 1.0"
    assert text("ssim", one) == "0.70 → 0.10"
    assert text("ssim", one, spread=True) == "0.70 ± 0.01 → 0.10 ± 0.01"
    assert text("psnr", one) == "– → 12.3"
    assert text("bytes", one) == "2.50"
    assert (text("seconds", one), text("sender_seconds", one)) == ("3.1", "1.0")
    assert text("seeds", one) == "3"
    assert text("trivial", one) == "25.0"
    assert text("gain_kept", one) == "the gain"


@pytest.mark.parametrize("name", [name for name in FIGURES if name not in ("trivial", "gain_kept")])
def test_a_figure_that_is_missing_is_a_dash(name):
    assert text(name, row()) == text(name, row(), spread=True) == ("0" if name == "seeds" else "–")


def test_no_names_are_the_usual_columns_and_a_strange_one_is_refused():
    assert tuple(column.name for column in columns_named(())) == DEFAULT_COLUMNS
    with pytest.raises(StudyError, match="got nonsense"):
        columns_named(["top1", "nonsense"])


def test_where_nobody_trains_there_is_no_gain_and_no_reference(results):
    assert gain_texts([row(trained=False)], ()) == {"x": "–"}
    texts = gain_texts(results.rows, results.gains)
    assert texts["own data"] == "reference"
    assert texts["poisoned"].startswith("80 %")
    assert set(texts) == set(summaries(results.rows))
