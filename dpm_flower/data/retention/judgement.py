"""Which time it is for a store, whatever its clock says now: the highest time that it has ever seen, and what has passed since."""

from dataclasses import dataclass

from dpm_flower.data.retention.clock import Instant

TOLERANCE_S = 2.0  # steps of a time server; expiry is judged by the highest time all the same


@dataclass(frozen=True, slots=True)
class Mark:
    """The highest time that was seen (seconds since 1970 UTC), at which uptime of which boot, and whether it can be relied on.

    It cannot where the machine was started anew and its clock is behind the mark: nobody knows for how long it was off.
    """

    highest_s: float
    uptime_s: float
    boot: str
    sure: bool

    @property
    def now(self) -> int:
        """The whole second that counts. An item that expires at it is over."""
        return int(self.highest_s)


def judged(mark: Mark | None, instant: Instant) -> Mark:
    """The last mark, None for a store that has none, and what the clocks say -> the mark now. Never lower than the last one.

    While one boot lasts, a wall clock that is set back changes nothing: the uptime goes on from the mark.
    """
    if mark is None:
        return Mark(instant.wall_s, instant.uptime_s, instant.boot, sure=True)
    same = mark.boot == instant.boot
    known_s = mark.highest_s + (max(0.0, instant.uptime_s - mark.uptime_s) if same else 0.0)
    sure = instant.wall_s >= known_s - TOLERANCE_S or (same and mark.sure)
    return Mark(max(instant.wall_s, known_s), instant.uptime_s, instant.boot, sure)


def behind_s(mark: Mark, instant: Instant) -> int:
    """How many seconds the wall clock is behind the time that counts; 0 within the tolerance."""
    behind = mark.highest_s - instant.wall_s
    return int(behind) if behind > TOLERANCE_S else 0
