"""`dpm-flower site run`: a site file and a folder that each day's labelled images come to -> a decider that learns from them, day by day.

It watches until SIGTERM or SIGINT, or handles what is there and ends. What was interrupted is gone on with by the next start.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

from rich.console import Console

from dpm_flower.apps.day_table import day_table
from dpm_flower.apps.ending import ended_by_signals
from dpm_flower.apps.refusal import exit_code
from dpm_flower.core.alone import alone_in
from dpm_flower.core.compute import Compute
from dpm_flower.core.errors import OutputError, PoolError, RetentionError, SettingError
from dpm_flower.core.progress import Progress
from dpm_flower.data.image_cache import FOLDER as IMAGE_CACHE
from dpm_flower.data.retention.clock import Clock
from dpm_flower.data.retention.inbox import Outcome, clear_left
from dpm_flower.data.retention.keeper import deleting_on_time
from dpm_flower.data.retention.rejected import REJECTED
from dpm_flower.data.retention.store import RetentionStore
from dpm_flower.regime.box_days import BoxDays
from dpm_flower.regime.boxed_study import boxed_study
from dpm_flower.regime.class_days import ClassDays, inbox_study
from dpm_flower.regime.daily_work import DailyWork
from dpm_flower.regime.day import anything_new, close_day, open_day, take_in_files
from dpm_flower.regime.day_learning import DayLearning
from dpm_flower.regime.days_folder import Days, DaysFolder
from dpm_flower.regime.inbox_apart import check_apart
from dpm_flower.regime.inbox_boxes import StayingBoxes
from dpm_flower.regime.inbox_images import StayingImages
from dpm_flower.regime.inbox_place import DETECTION, InboxPlace
from dpm_flower.regime.publishing import Notary
from dpm_flower.regime.site_file import DataPlace, read_site_file
from dpm_flower.regime.site_standing import site_standing
from dpm_flower.training.private_folder import make_private

WATCH_S = 5.0  # between two looks into the inbox
FOLDER = "inbox"  # in the site's own
UNUSED = {
    "boxes_only": "have boxes and no class, and this inbox is learnt from by classes",
    "classes_only": "have a class and no boxes, and this inbox is learnt from by boxes",
}
WELL_AGAIN = (OutputError, RetentionError, PoolError)  # a full disk, a clock behind, a busy store: the next look may find it mended


class _Ended(Exception):  # no error: somebody asked for the end, and nobody below may take it for a refusal
    """A signal came while something was trained."""


def run(site: Path, inbox: Path, *, once: bool = False, clock: Clock | None = None) -> int:
    """A site file, the inbox, and whether to end when what is there was handled -> the exit code; 0 where a signal ended it."""
    console = Console()
    tell = _teller(console)

    def work() -> None:
        with ended_by_signals() as ended, suppress(_Ended), opened(site.resolve(), inbox, tell, ended, clock) as daily:
            begun = daily.begin()
            if not once:
                tell(f"watching {inbox}; a day ends at {daily.place.day_ends} UTC")
            while not ended.is_set():
                try:
                    look(daily, daily.folder.read() or begun, inbox, console, tell, once=once)
                except WELL_AGAIN as err:
                    if once:
                        raise
                    tell(str(err))
                if once:
                    return
                ended.wait(WATCH_S)

    return exit_code(work)


@contextmanager
def opened(path: Path, inbox: Path, tell: Callable[[str], None], ended: Event, clock: Clock | None) -> Iterator[DailyWork[Any]]:
    """A site file, the inbox, whom to tell what is wrong, and what says that it is time to end -> the work, alone in the site's folder.

    While the block lasts everything is deleted on time: in the store, among what was rejected, and what is hidden in the inbox.
    Raises DpmFlowerError.
    """
    site = read_site_file(path)
    if site.inbox is None or site.data is None:
        raise SettingError(f"{path}: wanted a section inbox, got none")
    check_apart(inbox, path, site)
    place, folder = site.inbox, DaysFolder(site.folder / FOLDER)
    make_private(folder.folder)
    os.environ.setdefault(IMAGE_CACHE, str(site.folder / "images"))

    def report(_: Progress) -> None:
        if ended.is_set():
            raise _Ended

    with alone_in(folder.folder):
        store = RetentionStore.open(place.store, place.policy, clock)
        with deleting_on_time(store, tell, also=lambda: clear_left(inbox, store)):
            yield DailyWork(
                place=place,
                entity=site.entity,
                folder=folder,
                store=store,
                learning=_learning(place, site.data, site.entity),
                notary=_notary(path, place),
                policy=site.policy,
                compute=Compute.choose(),
                report=report,
            )


def look(work: DailyWork[Any], days: Days, inbox: Path, console: Console, tell: Callable[[str], None], *, once: bool) -> Days:
    """One look into the inbox, and at the clock -> how far the days are then; a day that ended is worked on and shown.

    A disk that takes no more costs what it does not take, and not the day. No name of a file is told: names tell of whom an image is,
    and what is told here may lie in the system's log when the image is gone.
    """
    failed: OutputError | None = None
    counts = Counter[Outcome]()
    try:
        if (waiting := take_in_files(work, days, inbox, lambda what, *_: counts.update([what])).waiting) and once:
            tell(f"{len(waiting)} files wait in the inbox: they came just now, and cannot be used as they are")
    except OutputError as err:
        failed = err
        tell(f"not all that came could be handled, and what is left waits in the inbox: {err}")
    _show_intake(counts, console)
    if days.day is not None:
        days = _closed(work, days, console)
    now = work.store.now()
    end = now if once else work.place.last_end(now)
    if (once and anything_new(work, days)) or (not once and end > days.ended_at):
        days = _closed(work, open_day(work, days, end), console)
    if failed is not None and once:
        raise failed
    return days


def _learning(place: InboxPlace, data: DataPlace, entity: str) -> DayLearning[Any]:
    """What is learnt, as the section says. Raises DataError for images that stay and are none of the kind."""
    if place.task == DETECTION:
        return BoxDays(study=boxed_study(place), classes=place.classes, images=StayingBoxes.of(data, place.classes, place.size))
    return ClassDays(study=inbox_study(place, entity), classes=place.classes, images=StayingImages.of(data, place.classes, place.side))


def _notary(path: Path, place: InboxPlace) -> Notary:
    """Who signs and verifies kept releases. They are offered to nobody, so that they are encrypted for the site itself alone."""
    standing = site_standing(path)
    notary, own = standing.notary(), standing.identity
    recipients = (lambda: {own.name: own.hpke.public}) if notary.recipients is not None else None
    return replace(notary, lifetime_s=place.kept_ttl_s, recipients=recipients)


def _show_intake(counts: Counter[Outcome], console: Console) -> None:
    if counts["rejected"]:
        console.print(f"files that cannot be used: {counts['rejected']}; see {REJECTED}/ in the inbox for each and why", soft_wrap=True)
    if counts["over"]:
        console.print(f"files whose time was over: {counts['over']}; they were erased", soft_wrap=True)


def _closed(work: DailyWork[Any], days: Days, console: Console) -> Days:
    days, line = close_day(work, days)
    show(line, console)
    return days


def show(line: dict[str, Any], console: Console) -> None:
    """A day's line of the report -> a small table, and sentences for what did not go as usual."""
    console.print(day_table(line))
    if line["reason"]:
        console.print(f"day {line['day']}: {line['reason']}", soft_wrap=True, markup=False)
    for key, lack in UNUSED.items():
        if number := line.get(key):
            console.print(f"{number} images {lack}: they stay in the store until their time is over", soft_wrap=True)


def _teller(console: Console) -> Callable[[str], None]:
    """Who prints a line, unless it was the last one that it printed."""
    last = [""]

    def tell(said: str) -> None:
        if said != last[0]:
            last[0] = said
            console.print(said.encode(errors="backslashreplace").decode(), soft_wrap=True, markup=False)  # paths may be no text

    return tell
