"""What a site does on a day: takes images in, makes a poisoned release of them, purges what is over, refines its decider, says so.

Each step of a day is written down when it is done, and does the same when a killed process has to do it again.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from dpm_flower.core.errors import (
    DataError,
    GoneError,
    MetricError,
    PolicyError,
    ReleaseError,
    ShapeError,
    TrainingError,
)
from dpm_flower.data.retention.inbox import Inbox, Note, Outcome, take_in
from dpm_flower.data.retention.layout import Name
from dpm_flower.payload.manifest import Manifest
from dpm_flower.regime.daily_work import DailyWork, campaign_of
from dpm_flower.regime.day_learning import N
from dpm_flower.regime.day_log import append_day, day_line
from dpm_flower.regime.days_folder import Days, OpenDay
from dpm_flower.regime.fresh_images import fresh_images
from dpm_flower.regime.inbox_images import LEAST_IMAGES
from dpm_flower.regime.kept_releases import held
from dpm_flower.regime.site_policy import HEADLINE
from dpm_flower.training.checkpoint import write_tensors

COSTS_THE_RELEASE = (PolicyError, ReleaseError, GoneError, TrainingError, MetricError, DataError, ShapeError)

Step: TypeAlias = Callable[[DailyWork[Any], Days, OpenDay], Days]


def take_in_files(work: DailyWork[N], days: Days, inbox: Path, told: Note) -> Inbox:
    """What lies in the inbox goes into the store, and counts for the day that will end next -> what became of it.

    Raises OutputError where a disk takes no more: what was not done yet is still in the inbox, and what was done counts.
    """
    log = work.folder.intake(days.collecting)

    def note(what: Outcome, name: str, came_at: int, detail: str) -> None:
        log.note(what, name, came_at, detail)
        told(what, name, came_at, detail)

    return take_in(inbox, work.store, work.place.classes, grace_s=work.place.grace_s, note=note)


def anything_new(work: DailyWork[N], days: Days) -> bool:
    """Whether a day that ended now would have anything to say."""
    found = work.folder.intake(days.collecting).read()
    return bool(found.taken or found.rejected or found.over) or not {one.id for one in work.store.items()} <= set(days.settled)


def open_day(work: DailyWork[N], days: Days, ended_at: int) -> Days:
    """A day ends -> which images it has, and room for what is made of them; the files that come from now on are the next day's."""
    found = fresh_images(work, days)
    came = work.folder.intake(days.collecting).read()
    alive = {one.id for one in work.store.items()}
    lost = (came.ids | set(days.waiting)) - alive - set(days.settled)
    day = OpenDay(
        ended_at=ended_at,
        taken=came.taken,
        rejected=came.rejected,
        over=came.over + len(lost) + len(found.late) + len(found.damaged),
        unused=len(found.unused),
        reason=f"{len(found.damaged)} images in the store are damaged" if found.damaged else "",
    )
    wanted = LEAST_IMAGES if days.networks else work.place.warm_up
    settled = (alive & set(days.settled)) | {one for some in (found.late, found.unused, found.repeats, found.damaged) for one in some}
    if len(found.items) < max(wanted, LEAST_IMAGES):
        what = work.learning.words.wanted if days.networks else "to train the networks on"
        day = replace(day, reason=_also(day, f"wanted at least {wanted} images {what}, got {len(found.items)}"))
        waiting = found.items
    else:
        derived = work.store.derive(found.items)
        day = replace(day, items=found.items, derived=derived.folder.name, gone_at=derived.expires_at)
        settled, waiting = settled | set(found.items), ()
    return work.folder.write(replace(days, settled=tuple(sorted(settled)), waiting=tuple(waiting), day=day))


def close_day(work: DailyWork[N], days: Days) -> tuple[Days, dict[str, Any]]:
    """An open day, at whatever step -> the days once it is done, and its line in the report.

    Raises OutputError where a disk takes no more, RetentionError where the store cannot tell the time; the same call goes on after it.
    """
    while (day := days.day) is not None and day.steps < len(STEPS):
        days = STEPS[day.steps](work, days, day)
        days = work.folder.write(days.with_day(steps=day.steps + 1))
    assert day is not None
    return _done(work, days, day)


def make_networks(work: DailyWork[N], days: Days, day: OpenDay) -> Days:
    """The images of the warm-up -> the public networks, where they are still to be trained."""
    if days.networks or not day.items:
        return days
    if (nets := work.nets()) is None:  # else trained already, by a process that was killed after it
        try:
            nets = work.learning.trained(work.task(days.at_work, day))
        except COSTS_THE_RELEASE as err:
            return replace(days, settled=_without(days, day), waiting=day.items).with_day(items=(), reason=_also(day, str(err)))
        write_tensors(work.folder.networks, nets.tensors())
    return replace(days, networks=nets.digest())


def make_release(work: DailyWork[N], days: Days, day: OpenDay) -> Days:
    """A day's images -> their release among those that are kept, by a module of its own; or the reason why there is none.

    Source: SPEC.md, section 7.
    """
    nets, number = work.nets(), days.at_work
    if nets is None or not day.items:
        return days
    pool, campaign = work.pool, campaign_of(number)
    if not (there := [one for one in held(pool) if one.campaign == campaign]):  # else made, by a process that was killed after it
        try:
            work.learning.release(work.task(number, day), nets)
        except COSTS_THE_RELEASE as err:
            return days.with_day(reason=_also(day, str(err)))
        there = [one for one in held(pool) if one.campaign == campaign]
    digest, released = there[0].digest, there[0].samples
    signed = Manifest.from_bytes(pool.envelope(digest).payload).audit
    figures = {name: value for name, value in signed.items() if name.startswith(HEADLINE)}
    if lost := len(day.items) - released:
        days = days.with_day(over=day.over + lost, reason=_also(day, f"{lost} images in the store could not be used"))
    return days.with_day(release=digest, released=released, figures=figures)


def purge(work: DailyWork[N], days: Days, day: OpenDay) -> Days:
    """Deletes what is over: images with all that was made of them, and kept releases -> how many things could not be deleted."""
    del day
    failed = work.store.purge().failed
    work.pool.expire(work.store.now())
    return days.with_day(undeleted=len(failed))


def refine(work: DailyWork[N], days: Days, day: OpenDay) -> Days:
    """Kept releases and the features of a day's images -> a refined decider, and how well the old one and the new one do.

    Source: SPEC.md, section 7.
    """
    nets = work.nets()
    if nets is None:
        return days
    judged = work.learning.judge(nets, work.compute)
    try:
        decider = work.decider(days, nets)
    except TrainingError as err:
        days = days.with_day(reason=_also(day, f"{err}: that of the public networks takes its place"))
        decider = work.decider(replace(days, decider=0), nets)
    assert days.day is not None
    day = days.day
    before = judged(decider)
    days = replace(days, unrefined=days.unrefined + 1).with_day(before=before, after=before)
    if not day.items or days.unrefined < work.place.refine_every:
        return days
    try:
        unread = work.learning.refine(work.task(days.at_work, day), nets, decider)
    except COSTS_THE_RELEASE as err:
        return days.with_day(reason=_also(day, f"not refined: {err}"))
    write_tensors(work.folder.decider(days.at_work), decider.state_dict())
    return replace(days, decider=days.at_work, unrefined=0).with_day(refined=True, unread=unread, after=judged(decider))


STEPS: tuple[Step, ...] = (make_networks, make_release, purge, refine)


def _done(work: DailyWork[N], days: Days, day: OpenDay) -> tuple[Days, dict[str, Any]]:
    """Writes the report's line, and lets go of all that the day needed."""
    line = day_line(work, days, day)
    append_day(work.folder.report, line)
    if day.derived and (name := Name.parse(day.derived)):
        with suppress(GoneError):
            work.store.drop(name.id)
    with suppress(OSError):  # they take room, and nobody reads them
        work.folder.intake(days.at_work).path.unlink(missing_ok=True)
        for path in work.folder.deciders.glob("*.safetensors"):
            if path != work.folder.decider(days.decider):
                path.unlink()
    return work.folder.write(replace(days, number=days.at_work, ended_at=day.ended_at, day=None)), line


def _also(day: OpenDay, said: str) -> str:
    """What is said of a day already, and one thing more."""
    return "; ".join(filter(None, (day.reason, said)))


def _without(days: Days, day: OpenDay) -> tuple[str, ...]:
    return tuple(sorted(set(days.settled) - set(day.items)))
