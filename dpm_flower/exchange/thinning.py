"""What a server tells, thinned: whoever is refused again and again must not fill the disk with the record of it."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from dpm_flower.exchange.guard import Told
from dpm_flower.exchange.limits import Bucket

AT_ONCE, PER_S = 20, 0.1  # refusals of one peer that are told one by one


class Thinned:
    """Callable for a server's `told` that passes on to `told`: all that is served, and of each peer's refusals so many at once, then some.

    The next refusal of the peer that is passed on says how many were not. Safe to call from several threads.
    """

    def __init__(self, told: Callable[[Told], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._told, self._clock, self._lock = told, clock, threading.Lock()
        self._buckets: dict[str, Bucket] = {}
        self._left_out: dict[str, int] = {}

    def __call__(self, told: Told) -> None:
        """What one call came to -> the same to whoever is told, or nothing. Raises what that raises."""
        if not told.refusal:
            self._told(told)
            return
        with self._lock:
            now = self._clock()
            bucket = self._buckets.setdefault(told.peer, Bucket(PER_S, AT_ONCE, now))
            if bucket.wait_s(1, now) > 0:
                self._left_out[told.peer] = self._left_out.get(told.peer, 0) + 1
                return
            bucket.take(1)
            more = self._left_out.pop(told.peer, 0)
        self._told(replace(told, refusal=f"{told.refusal} (and {more} more since the last)") if more else told)
