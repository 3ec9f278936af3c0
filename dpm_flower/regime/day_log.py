"""The report of a site's days: a line of JSON for each, which is written once."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dpm_flower.core.errors import OutputError
from dpm_flower.regime.daily_work import DailyWork
from dpm_flower.regime.day_learning import N
from dpm_flower.regime.days_folder import Days, OpenDay
from dpm_flower.regime.kept_releases import held


def utc(at: int) -> str:
    """Seconds since 1970 UTC -> the time in ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def day_line(work: DailyWork[N], days: Days, day: OpenDay) -> dict[str, Any]:
    """What is said of a day; nothing in it names an image."""
    kept, alive, words = held(work.pool), work.store.items(), work.learning.words
    return {
        "day": days.at_work,
        "ended": utc(day.ended_at),
        "taken": day.taken,
        "rejected": day.rejected,
        "over": day.over,
        words.unused: day.unused,
        "released": day.released,
        "release": day.release,
        "refined": day.refined,
        "reason": day.reason,
        f"{words.score}_before": day.before,
        f"{words.score}_after": day.after,
        **(day.figures or {}),
        "kept_releases": len(kept),
        "kept_bytes": sum(one.size_bytes for one in kept),
        "unread_releases": day.unread,
        "undeleted": day.undeleted,
        "held": len(alive),
        "next_goes": utc(alive[0].expires_at) if alive else None,
    }


def append_day(path: Path, line: Mapping[str, Any]) -> None:
    """A file and what is to be said of the day `line["day"]` -> it stands there, on the disk; unless that day's line is there already.

    A line of which a killed process or a full disk has left a part is cut off first. Raises OutputError.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b") as file:
            data = file.read()
            end = data.rfind(b"\n") + 1
            if end and json.loads(data[:end].splitlines()[-1])["day"] == line["day"]:
                return
            file.seek(end)
            file.write(json.dumps(dict(line)).encode() + b"\n")
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
    except (OSError, ValueError, KeyError) as err:
        raise OutputError(f"cannot write the report {path}: {err}") from err
