"""A comparison's results and pictures -> one page that opens offline."""

from collections.abc import Mapping

from torch import Tensor

from dpm_flower.studies.comparison_chart import Line, axis_text, comparison_chart, curved, scattered
from dpm_flower.studies.comparison_results import ComparisonResults
from dpm_flower.studies.comparison_table import LEGEND, compared_lines
from dpm_flower.studies.comparison_template import TEMPLATE
from dpm_flower.studies.page_template import rendered
from dpm_flower.studies.pictures import PictureRow, Pictures, picture_grid
from dpm_flower.studies.report import Image, embedded

LEAST_POINTS = 2  # on a chart; one says nothing that the table does not


def comparison_html(results: ComparisonResults, pictures: Mapping[str, Mapping[str, Tensor]]) -> str:
    """Results, and by trial its rows of pictures (N,C,H,W) -> the page; text is escaped, and nothing is fetched from anywhere."""
    lines = compared_lines(results)
    return rendered(
        TEMPLATE,
        results=results,
        summary=[("data", results.data), ("seeds", ", ".join(map(str, results.seeds)))],
        legend=LEGEND,
        lines=lines,
        notes=[line.note for line in lines if line.note],
        charts=_charts(results),
        grids=[_grid(name, rows) for name, rows in pictures.items()],
        tables=[
            ("Run", [("command", results.command), *results.machine.items()]),
            *((trial.name, list(trial.settings)) for trial in results.trials),
        ],
    )


def _charts(results: ComparisonResults) -> list[Image]:
    charts = []
    lines = scattered(results)
    if results.chart and sum(len(line.points) for line in lines) >= LEAST_POINTS:
        across, up = (axis_text(next(column for column in results.columns if column.key == key)) for key in results.chart)
        charts.append(_chart(f"{up} against {across}", lines, across, up))
    for name, curves in curved(results.trials).items():
        up, _, across = name.partition(" by ")  # "top-1 by day"
        charts.append(_chart(name, curves, across, up))
    return charts


def _chart(title: str, lines: tuple[Line, ...], across: str, up: str) -> Image:
    texts = [f"{line.name}: {', '.join(f'({x.mean:.3g}, {y.mean:.3g})' for x, y in line.points)}" for line in lines]
    return embedded(
        title,
        f"Chart. {'; '.join(texts)}.",
        "Means over seeds; bars reach one sample standard deviation.",
        lambda scheme: comparison_chart(lines, across, up, scheme=scheme),
        "svg",
    )


def _grid(name: str, rows: Mapping[str, Tensor]) -> Image:
    least = min(len(images) for images in rows.values())
    shown = Pictures(name, tuple(PictureRow.of(label, _coloured(images[:least])) for label, images in rows.items()))
    return embedded(
        name,
        f"Pictures of {name}, rows from top to bottom: {', '.join(rows)}.",
        "",
        lambda scheme: picture_grid(shown, scheme=scheme),
        "png",
    )


def _coloured(images_NCHW: Tensor) -> Tensor:
    return (images_NCHW.expand(-1, 3, -1, -1) if images_NCHW.shape[1] == 1 else images_NCHW).clamp(0, 1)
