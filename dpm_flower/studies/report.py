"""Results and, where the reader may see them, pictures -> one self-contained report.html that opens offline."""

import base64
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined, select_autoescape

from dpm_flower.studies.atomic import write_atomically
from dpm_flower.studies.drawing import DARK, LIGHT, ImageFormat, Scheme
from dpm_flower.studies.figures import accuracy_bars, who_holds_what
from dpm_flower.studies.gains import ArmGain
from dpm_flower.studies.pictures import Pictures, picture_grid
from dpm_flower.studies.reading import reading_of
from dpm_flower.studies.report_template import STYLE, TEMPLATE
from dpm_flower.studies.results import Results
from dpm_flower.studies.rows import MEAN, Row
from dpm_flower.studies.settings import flattened
from dpm_flower.studies.wording import MEGABYTE, NONE, duration, gain_kept_text, mean_only, percent, with_spread

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
    top1: str
    mark: str  # number of the note below the table, if there is one
    quality: tuple[str, ...]
    costs: tuple[str, ...]


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
    environment = Environment(autoescape=select_autoescape(default_for_string=True), undefined=StrictUndefined)
    lines, notes = _lines(results.rows)
    return environment.from_string(TEMPLATE).render(
        style=STYLE,
        results=results,
        summary=tuple(_summary(results)),
        arms=[[line for line in lines if line.arm == arm] for arm in results.arms],
        notes=notes,
        gains=[_gain(gain) for gain in results.gains],
        bars=_bars(results),
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
    yield "training images", f"{sum(sum(holding.counts) for holding in results.facts.holdings):,}"
    yield "wall time", duration(results.facts.wall_s)
    yield "made at", results.facts.made_at[:16].replace("T", " ") + " UTC"


def _lines(rows: Sequence[Row]) -> tuple[list[Line], list[str]]:
    """Rows -> the lines of the table, and the notes that their marks point to."""
    notes: list[str] = []
    lines = []
    for row in rows:
        if row.missing:
            notes.append(f"{row.arm}, {row.entity}: {row.reason}")
        quality = (
            str(row.top1.count if row.top1 else 0),
            NONE if row.test_images is None else f"{row.test_images:,}",
            percent(row.trivial),
            with_spread(row.ssim_z, 3),
            with_spread(row.ssim_p, 3),
            with_spread(row.top1_z),
            with_spread(row.top1_p),
        )
        costs = (mean_only(row.bytes_sent, 2, MEGABYTE), with_spread(row.seconds))
        lines.append(
            Line(
                row.arm,
                "mean" if row.entity == MEAN else row.entity,
                row.entity == MEAN,
                with_spread(row.top1),
                str(len(notes)) if row.missing else "",
                quality,
                costs,
            )
        )
    return lines, notes


def _gain(gain: ArmGain) -> Gain:
    raw = NONE
    if gain.raw_gain is not None:
        error = f" ± {100 * gain.raw_gain_error:.1f}" if gain.raw_gain_error is not None else ""
        raw = f"{100 * gain.raw_gain:.1f}{error}"
    return Gain(gain.arm, gain_kept_text(gain), raw, gain.resampled or NONE, gain.reason)


def _bars(results: Results) -> Image:
    means = [f"{row.arm} {with_spread(row.top1)} %" for row in results.rows if row.entity == MEAN]
    return _image(
        "Accuracy by entity and arm",
        f"Bars: top-1 on test images by entity and arm. Means over entities: {'; '.join(means)}.",
        "Top-1 on test images, by entity and arm. A cross stands for an arm without figures.",
        lambda scheme: accuracy_bars(results, scheme=scheme),
        "svg",
    )


def _holdings(results: Results) -> Image:
    facts = results.facts
    totals = [f"{holding.entity} {sum(holding.counts):,}" for holding in facts.holdings]
    return _image(
        "Who holds what",
        f"Bars: training images by class. {'; '.join(totals)}; public {sum(facts.public):,}.",
        f"Training images of each entity and of the public part, by class, for seed {facts.holdings_seed}.",
        lambda scheme: who_holds_what(facts, scheme=scheme),
        "svg",
    )


def _grid(pictures: Pictures) -> Image:
    return _image(
        pictures.method,
        f"Original images and their reconstructions, method {pictures.method}.",
        f"Method: {pictures.method}.",
        lambda scheme: picture_grid(pictures, scheme=scheme),
        "png",
    )


def _image(title: str, alt: str, caption: str, draw: Callable[[Scheme], bytes], kind: ImageFormat) -> Image:
    light, dark = (f"data:{MEDIA_TYPES[kind]};base64,{base64.b64encode(draw(scheme)).decode()}" for scheme in (LIGHT, DARK))
    return Image(title, alt, caption, light, dark)


def _tables(results: Results) -> list[tuple[str, list[tuple[str, str]]]]:
    facts = results.facts
    return [
        ("Settings", flattened(dict(results.settings))),
        ("Machine", list(facts.machine.items())),
        ("Versions", list(facts.versions.items())),
    ]
