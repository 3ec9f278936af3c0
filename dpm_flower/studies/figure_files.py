"""Results and pictures -> the report's figures as files, for a paper or a README."""

from collections.abc import Sequence
from pathlib import Path

from dpm_flower.studies.atomic import write_atomically
from dpm_flower.studies.attack_heatmap import disclosed_of, heatmap
from dpm_flower.studies.curves import curves_of
from dpm_flower.studies.curves_figure import cost_curves
from dpm_flower.studies.figures import accuracy_bars, who_holds_what
from dpm_flower.studies.frontier_figure import LEAST_FRONTIER, frontier_chart, frontier_of
from dpm_flower.studies.pictures import Pictures, picture_grid
from dpm_flower.studies.results import Results

FOLDER_NAME = "figures"


def write_figures(folder: Path, results: Results, pictures: Sequence[Pictures] = ()) -> tuple[Path, ...]:
    """A run's folder, its results, and the pictures that may be seen -> the paths of its figures, below ``figures``.

    Raises OutputError where they cannot be written.
    """
    figures = folder / FOLDER_NAME
    paths = [
        write_atomically(figures / "accuracy.svg", accuracy_bars(results)),
        write_atomically(figures / "who-holds-what.svg", who_holds_what(results.facts)),
    ]
    curves = curves_of(results)
    if any(curve.averaged for curve in curves):
        paths.append(write_atomically(figures / "curves.svg", cost_curves(curves)))
    disclosed = disclosed_of(results.rows)
    if disclosed is not None:
        paths.append(write_atomically(figures / "disclosed.svg", heatmap(disclosed)))
    points = frontier_of(results.rows, results.gains)
    if len(points) >= LEAST_FRONTIER:
        paths.append(write_atomically(figures / "frontier.svg", frontier_chart(points)))
    for number, each in enumerate(pictures, start=1):  # a method's name may hold anything, a number is a safe file name
        paths.append(write_atomically(figures / f"pictures-{number}.png", picture_grid(each)))
    return tuple(paths)
