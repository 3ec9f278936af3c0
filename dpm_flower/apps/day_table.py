"""A day's line of the report -> a small table for the terminal."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table

SCORES = {"top1": "top-1", "map50": "mAP50"}  # what each task judges deciders by


def day_table(line: Mapping[str, Any]) -> Table:
    """What stands in the report of one day, in two columns."""
    table = Table(title=f"day {line['day']}, ended {line['ended']}", title_justify="left", box=box.SIMPLE, show_header=False)
    score = next(key for key in SCORES if f"{key}_before" in line)
    rows = {
        "images": f"{line['taken']} taken, {line['rejected']} rejected, {line['over']} over before they could be used",
        "release": f"{line['released']} images, {line['release'][:12]}" if line["release"] else "none",
        "decider": f"{SCORES[score]} {_share(line[f'{score}_before'])} -> {_share(line[f'{score}_after'])}"
        + ("" if line["refined"] else ", not refined"),
        "kept": f"{line['kept_releases']} releases, {line['kept_bytes'] / 1e6:.2f} MB" + _unread(line["unread_releases"]),
        "store": f"{line['held']} images, the next goes {line['next_goes'] or 'never: it is empty'}",
    }
    for head, text in rows.items():
        table.add_row(head, text)
    return table


def _share(score: float | None) -> str:
    return "no networks yet" if score is None else f"{100 * score:.1f} %"


def _unread(number: int) -> str:
    return f", {number} of them could not be read" if number else ""
