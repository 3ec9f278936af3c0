"""Moments as people read them: whole seconds since 1970 UTC <-> "2026-11-20T19:47:00Z"."""

import re
from datetime import UTC, datetime

from dpm_flower.core.errors import ReleaseError
from dpm_flower.payload.rules import shown

LAST_MOMENT = 253_402_300_799  # the end of the year 9999, the last that four digits hold

_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)


def moment(seconds: int) -> str:
    """Seconds since 1970 UTC, from 0 to LAST_MOMENT -> text. Source: RFC 3339, in UTC, without fractions: one form for each second."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}Z"


def seconds_of(text: str, what: str) -> int:
    """Text from outside -> seconds. Raises ReleaseError for what is no such moment, and for those before 1970."""
    try:
        if not _MOMENT.fullmatch(text):
            raise ValueError
        seconds = int(datetime.fromisoformat(text).timestamp())
    except ValueError as err:
        raise ReleaseError(f"{what} must be a moment such as 2026-11-20T19:47:00Z, got {shown(text)}") from err
    if seconds < 0:
        raise ReleaseError(f"{what} must not lie before 1970, got {text}")
    return seconds
