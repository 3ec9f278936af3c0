"""How long a peer is waited for, and how long between two tries."""

import copy
import math
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Self

from dpm_flower.core.above_zero import check_above_zero
from dpm_flower.core.errors import AwayError


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """A transfer may take `start_s` and the time of its bytes at `least_bytes_per_s`, all tries and waits together.

    Before each new try without any progress the wait doubles, from `first_wait_s` to `longest_wait_s`; half of it is drawn.
    Raises SettingError for what is not above zero.
    """

    start_s: float = 30.0
    least_bytes_per_s: float = 1e5
    first_wait_s: float = 0.1
    longest_wait_s: float = 5.0

    def __post_init__(self) -> None:
        check_above_zero(**asdict(self))

    def deadline_s(self, size_bytes: int) -> float:
        """So many bytes -> seconds after which their transfer has failed."""
        return self.start_s + size_bytes / self.least_bytes_per_s

    def waits_s(self, rng: random.Random) -> Iterator[float]:
        """-> seconds to wait before each further try, without end. Drawn, so that clients cut off together do not return together."""
        longest = self.first_wait_s
        while True:
            yield longest * (1 - rng.random() / 2)
            longest = min(2 * longest, self.longest_wait_s)


class Tries:
    """The tries of one transfer, which begins now: what time is left, and the wait before the next one.

    It may take as long as the patience has for its bytes, and never more than `most_s`. `what` heads the message when time is
    over: who was to do what.
    """

    def __init__(
        self,
        what: str,
        patience: Patience,
        size_bytes: int,
        rng: random.Random,
        *,
        most_s: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.what = what
        self._patience, self._rng, self._clock, self._sleep = patience, rng, clock, sleep
        self._allowed_s = min(patience.deadline_s(size_bytes), most_s)
        self._ends_at = clock() + self._allowed_s
        self._waits = patience.waits_s(rng)

    @property
    def left_s(self) -> float:
        """Seconds until the deadline; not above zero when it is over."""
        return self._ends_at - self._clock()

    def of_part(self, what: str) -> Self:
        """The tries of one part of the transfer, under its own name -> these; they end when those of the whole do."""
        part = copy.copy(self)
        part.what = what
        part.went_on()
        return part

    def went_on(self) -> None:
        """The peer did deliver something: the next wait is a short one again."""
        self._waits = self._patience.waits_s(self._rng)

    def wait(self, why: str) -> None:
        """Waits for the next try. Raises AwayError, with `why` the last one failed, if none would begin before the deadline."""
        wait_s = next(self._waits)
        if wait_s >= self.left_s:
            raise AwayError(f"{self.what}: not within {self._allowed_s:.3g} s; the last try: {why}")
        self._sleep(wait_s)
