"""Results and, where the reader may see them, pictures -> one self-contained report.html that opens offline."""

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dpm_flower.core.figures import COSTS_LEGEND
from dpm_flower.studies.atomic import write_atomically
from dpm_flower.studies.attack_figures import HEADS, attack_lines
from dpm_flower.studies.attack_heatmap import disclosed_of, heatmap
from dpm_flower.studies.columns import columns_named, gain_texts
from dpm_flower.studies.curves import Curve, curves_of
from dpm_flower.studies.curves_figure import cost_curves
from dpm_flower.studies.drawing import DARK, LIGHT, ImageFormat, Scheme
from dpm_flower.studies.figures import accuracy_bars, who_holds_what
from dpm_flower.studies.frontier_figure import LEAST_FRONTIER, frontier_chart, frontier_of
from dpm_flower.studies.gains import ArmGain
from dpm_flower.studies.page_template import rendered
from dpm_flower.studies.pictures import Pictures, picture_grid
from dpm_flower.studies.reading import reading_of
from dpm_flower.studies.report_template import TEMPLATE
from dpm_flower.studies.results import Results
from dpm_flower.studies.rows import MEAN, summaries
from dpm_flower.studies.settings import flattened
from dpm_flower.studies.tuning_lines import tuning_lines
from dpm_flower.studies.wording import NONE, duration, gain_kept_text, share_text, with_spread

REPORT_NAME = "report.html"
MEDIA_TYPES: dict[ImageFormat, str] = {"svg": "image/svg+xml", "png": "image/png"}


@dataclass(frozen=True, slots=True)
class Image:
    """One picture of the page as data: addresses, for light and for dark paper."""

    title: str
    alt: str
    caption: str
    light: str
    dark: str


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the result table, in words."""

    arm: str
    entity: str
    mean: bool
    mark: str  # number of the note below the table, if there is one
    texts: tuple[str, ...]  # one for each column


@dataclass(frozen=True, slots=True)
class Gain:
    """One arm's gain kept, in words."""

    arm: str
    kept: str
    raw: str
    resampled: str
    reason: str


def write_report(folder: Path, results: Results, pictures: Sequence[Pictures] = ()) -> Path:
    """A folder, results, and the pictures that the report's reader may see (none in a server's) -> the path of report.html.

    Raises OutputError where it cannot be written.
    """
    return write_atomically(folder / REPORT_NAME, report_html(results, pictures).encode())


def report_html(results: Results, pictures: Sequence[Pictures] = ()) -> str:
    """Results and pictures -> the page. Whatever text comes in is escaped, and nothing on it is fetched from anywhere."""
    lines, notes = _lines(results)
    return rendered(
        TEMPLATE,
        costs_legend=COSTS_LEGEND,
        results=results,
        summary=tuple(_summary(results)),
        arms=[[line for line in lines if line.arm == arm] for arm in results.arms],
        columns=columns_named(results.columns),
        notes=notes,
        attack_heads=[head for _, head, _ in HEADS],
        attacks=attack_lines(results.rows, spread=True),
        disclosed=_disclosed(results),
        frontier=_frontier(results),
        gains=[_gain(gain) for gain in results.gains],
        bars=_bars(results),
        curves=_curves(curves_of(results)),
        tunings=[tuning_lines(tuning) for tuning in results.tunings],
        holdings=_holdings(results),
        grids=[_grid(each) for each in pictures],
        reading=reading_of(results),
        tables=_tables(results),
    )


def _summary(results: Results) -> Iterator[tuple[str, str]]:
    """What a reader wants to know first; settings that a file of results lacks are left out."""
    for name in ("data", "backbone", "hook"):
        if name in results.settings:
            yield name.replace("hook", "hook point"), str(results.settings[name])
    yield "entities", str(len(results.entities))
    yield "seeds", ", ".join(map(str, results.seeds))
    counted = sum(sum(holding.counts) for holding in results.facts.holdings)
    yield "training images", f"{counted + sum(results.facts.brought.values()):,}"
    if images := {row.test_images for row in results.rows if row.test_images is not None}:
        yield "test images", " to ".join(f"{number:,}" for number in sorted({min(images), max(images)}))
    yield "wall time", duration(results.facts.wall_s)
    yield "made at", results.facts.made_at[:16].replace("T", " ") + " UTC"


def _lines(results: Results) -> tuple[list[Line], list[str]]:
    """Results -> the lines of the table, and the notes that their marks point to."""
    notes: list[str] = []
    lines = []
    columns, gains, standing = columns_named(results.columns), gain_texts(results.rows, results.gains), summaries(results.rows)
    for row in results.rows:
        if row.missing:
            notes.append(f"{row.arm}, {row.entity}: {row.reason}")
        mean = row.entity == MEAN
        texts = tuple(column.text(row, gains[row.arm] if row is standing[row.arm] else "", spread=True) for column in columns)
        lines.append(Line(row.arm, "mean" if mean else row.entity, mean, str(len(notes)) if row.missing else "", texts))
    return lines, notes


def _gain(gain: ArmGain) -> Gain:
    raw = NONE
    if gain.raw_gain is not None:
        error = f" ± {100 * gain.raw_gain_error:.1f}" if gain.raw_gain_error is not None else ""
        raw = f"{100 * gain.raw_gain:.1f}{error}"
    return Gain(gain.arm, gain_kept_text(gain), raw, gain.resampled or NONE, gain.reason)


def _bars(results: Results) -> Image:
    means = [f"{arm} {with_spread(row.figure('top1', 100.0))} %" for arm, row in summaries(results.rows).items()]
    return embedded(
        "Accuracy by entity and arm",
        f"Bars: top-1 on test images by entity and arm. Means over entities: {'; '.join(means)}.",
        "Top-1 on test images, by entity and arm. A cross stands for an arm without figures.",
        lambda scheme: accuracy_bars(results, scheme=scheme),
        "svg",
    )


def _curves(curves: Sequence[Curve]) -> Image | None:
    """None where no arm averages: points without any line are what the table shows."""
    if not any(curve.averaged for curve in curves):
        return None
    ends = [f"{curve.arm} {share_text(curve.points[-1].top1)} %" for curve in curves]
    return embedded(
        "Accuracy against cost",
        f"Lines: top-1 on test images against megabytes fetched and seconds of computing. At their ends: {'; '.join(ends)}.",
        "Round marks: federated averaging and shared deciders, after each round. Lone marks: arms in which each entity trains alone.",
        lambda scheme: cost_curves(curves, scheme=scheme),
        "svg",
    )


def _disclosed(results: Results) -> Image | None:
    disclosed = disclosed_of(results.rows)
    if disclosed is None:
        return None
    texts = [
        f"{arm}: {', '.join(f'{name} {with_spread(one, 2)}' for name, one in zip(disclosed.attackers, fractions, strict=True))}"
        for arm, fractions in zip(disclosed.arms, disclosed.fractions, strict=True)
    ]
    return embedded(
        "Disclosed fraction by attacker",
        f"Fields: of what raw features disclose beyond the label, how much each attacker gets out of the release. {'; '.join(texts)}.",
        "Mean over images and seeds, by the score that is worst; 0 is what the label tells, 1 what the same attacker reads from raw "
        "features. Who has more of the victim than its release (A3, A4) stands beside the headline, to its right, and does not count in "
        "it. A dash: not shown able to succeed.",
        lambda scheme: heatmap(disclosed, scheme=scheme),
        "svg",
    )


def _frontier(results: Results) -> Image | None:
    points = frontier_of(results.rows, results.gains)
    if len(points) < LEAST_FRONTIER:
        return None
    texts = [f"{point.arm}: gain kept {point.gain:.2f}, headline {point.headline:.2f}" for point in points]
    return embedded(
        "Gain kept against disclosure",
        f"Points, one for each arm. {'; '.join(texts)}.",
        "Up and to the left is better. Lines are 95 % intervals; an arrow means that there is no bound on that side, or none that all "
        "seeds know.",
        lambda scheme: frontier_chart(points, scheme=scheme),
        "svg",
    )


def _holdings(results: Results) -> Image:
    facts = results.facts
    totals = [f"{holding.entity} {sum(holding.counts):,}" for holding in facts.holdings]
    return embedded(
        "Who holds what",
        f"Bars: training images by class. {'; '.join(totals)}; public {sum(facts.public):,}.",
        f"Training images of each entity and of the public part, by class, for seed {facts.holdings_seed}. "
        + "".join(f"{note[:1].upper()}{note[1:]}. " for note in facts.notes),
        lambda scheme: who_holds_what(facts, scheme=scheme),
        "svg",
    )


def _grid(pictures: Pictures) -> Image:
    return embedded(
        pictures.method,
        f"Original images and their reconstructions, method {pictures.method}.",
        f"Method: {pictures.method}.",
        lambda scheme: picture_grid(pictures, scheme=scheme),
        "png",
    )


def embedded(title: str, alt: str, caption: str, draw: Callable[[Scheme], bytes], kind: ImageFormat) -> Image:
    """Words about a picture and how it is drawn -> the picture as data, drawn once for light and once for dark paper."""
    light, dark = (f"data:{MEDIA_TYPES[kind]};base64,{base64.b64encode(draw(scheme)).decode()}" for scheme in (LIGHT, DARK))
    return Image(title, alt, caption, light, dark)


def _tables(results: Results) -> list[tuple[str, list[tuple[str, str]]]]:
    facts = results.facts
    return [
        ("Settings", flattened(dict(results.settings))),
        ("Machine", list(facts.machine.items())),
        ("Versions", list(facts.versions.items())),
    ]
